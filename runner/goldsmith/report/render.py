"""Makes pages of HTML, each one file that holds all it needs and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from goldsmith import __version__
from goldsmith.report import page as pages
from goldsmith.report.index import FLEET_TONES, Index
from goldsmith.report.page import Page
from goldsmith.show.fleet import behind_text
from goldsmith.show.text import age, size


def build_html(page: Page, *, index: str | None = None, now: datetime | None = None) -> str:
    """Return the page of a build.

    Args:
        page: What it shows.
        index: Name of the file of the index that leads to it, if any.
        now: Time that ages are told from; by default the present one.
    """
    return _render("build.html.j2", now, page=page, index=index)


def index_html(index: Index, now: datetime | None = None) -> str:
    """Return the index of all images."""
    return _render("index.html.j2", now, index=index)


def _render(template: str, now: datetime | None, **variables: Any) -> str:
    now = now or datetime.now(UTC)
    environment = _environment()
    text = environment.get_template(template).render(
        **variables, now=now, generator=f"Goldsmith {__version__}", style=_asset("page.css"), script=_asset("page.js")
    )
    return _HIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


_HIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What HTML does not hold, and what would turn the order of text round: it is shown as its number."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("goldsmith.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "age": age,
        "size": size,
        "moment": lambda moment: f"{moment:%Y-%m-%d %H:%M} UTC",
        "seconds": _seconds,
        "plain": _plain,
        "plural": lambda number, one, many="": f"{number:,} {one if number == 1 else many or one + 's'}",
    }
    environment.globals |= {
        "policy": _policy,
        "cis": pages.cis,
        "control_status": pages.status,
        "behind": behind_text,
        "fleet_tones": FLEET_TONES,
    }
    return environment


@cache
def _asset(name: str) -> Markup:
    return Markup((files("goldsmith.report") / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704  our own


@cache
def _policy() -> str:
    """Return the page's Content-Security-Policy: its own style and script, by their digests, and nothing else.

    See https://www.w3.org/TR/CSP3/. An attacker's script that had got through the escaping would still not run.
    """
    style, script = (_digest(_asset(name)) for name in ("page.css", "page.js"))
    rules = ["default-src 'none'", f"style-src '{style}'", f"script-src '{script}'", "img-src data:"]
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _seconds(seconds: float) -> str:
    """Return a span for people: seconds below two minutes, else minutes and seconds, or hours and minutes."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def _plain(value: Any) -> str:
    """Return a value as text: JSON where it is not a text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
