# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian archives: which ones a release is made from, and the signed index that says what state they are in."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

with suppress(ImportError):  # `_docker.run` tells the user: they come with the Docker SDK
    from requests import Session
    from requests.adapters import HTTPAdapter
    from requests.exceptions import RequestException
    from urllib3.util.retry import Retry

ROLLING = frozenset({"sid", "unstable", "experimental", "rc-buggy"})
"""Suites that have neither updates nor security updates of their own."""

ATTEMPTS = 4
_TARGETS = "$(SITE)|$(RELEASE)|$(ORIGIN)|$(LABEL)"
_LINE = re.compile(r"^deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>(?:\s+\S+)*)\s*$")


@dataclass(frozen=True)
class Source:
    """A line of ``sources.list``.

    Attributes:
        line: The whole line.
        required: Without it there is no image; one that is not required is left out where the archive lacks it.
    """

    line: str
    required: bool = True

    @property
    def inrelease(self) -> str:
        """URL of the signed index.

        Raises:
            Fault: The line is not one of an archive over HTTP.
        """
        match = _LINE.match(self.line)
        if not match or not re.match(r"https?://", match["uri"]):
            raise Fault(
                f"the mirror {self.line!r} is not understood: give a URL that starts with http:// or https://, or a "
                f"whole line such as 'deb http://archive.example/debian bookworm main'."
            )
        uri, suite = match["uri"].rstrip("/"), match["suite"]
        return f"{uri}/{suite.strip('/')}/InRelease" if suite.endswith("/") else f"{uri}/dists/{suite}/InRelease"


@dataclass(frozen=True)
class Index:
    """A signed index: where it is, its digest, and when the archive was last changed."""

    url: str
    sha256: str
    date: datetime


def sources_from_mirrors(mirrors: Iterable[str], suite: str, components: Iterable[str]) -> list[Source]:
    """Return the sources that a user's mirrors mean.

    A whole line stands for itself. A URL with a path part that ends in ``security`` serves the suite's security
    updates, any other the suite and its updates.
    """
    sources = []
    for mirror in mirrors:
        if "://" not in mirror or mirror.startswith("deb "):
            sources.append(Source(mirror.strip()))
        elif re.search(r"security(/|$)", mirror):
            sources.extend(_sources("", mirror, suite, components))
        else:
            sources.extend(_sources(mirror, "", suite, components))
    return sources


def sources_from_host(suite: str, components: Iterable[str]) -> list[Source]:
    """Return the sources of this system's own APT configuration, for any suite; empty if it names no Debian one."""
    # What is configured is told at once; to tell who issued it, APT reads all its lists first, which takes a second.
    main, security = archives(_index_targets("--no-release-info", "-o", "Dir::State::Lists=/nonexistent"))
    if not (main and security):
        main, security = archives(_index_targets())
    return _sources(main, security, suite, components) if main and (security or suite in ROLLING) else []


def _sources(main: str, security: str, suite: str, components: Iterable[str]) -> list[Source]:
    parts = " ".join(components)
    sources = []
    if main:
        sources.append(Source(f"deb {main} {suite} {parts}"))
        if suite not in ROLLING:
            sources.append(Source(f"deb {main} {suite}-updates {parts}", required=False))
    if security and suite not in ROLLING:
        sources.append(Source(f"deb {security} {suite}-security {parts}"))
    return sources


def _index_targets(*options: str) -> list[str]:
    command = ["apt-get", "indextargets", *options, "--format", _TARGETS, "Created-By: Packages"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def archives(targets: Iterable[str]) -> tuple[str, str]:
    """Return the URLs of Debian's archive and of its security archive, each empty if not found.

    Args:
        targets: Lines of ``site|release|origin|label`` as APT lists its indexes; origin and label may stand there as
            APT's own placeholders, where it was not asked for them or has not fetched any list yet.
    """
    main = security = ""
    for target in targets:
        site, release, origin, label = (target.split("|") + [""] * 4)[:4]
        site = site.rstrip("/")
        known = not origin.startswith("$(")
        debian = origin == "Debian" if known else re.search(r"/debian(-security)?$", site)
        if not debian or not re.match(r"https?://", site):
            continue
        if label == "Debian-Security" or release.endswith("-security"):
            security = security or site
        elif not label.endswith("Backports") and not release.endswith(("-backports", "-backports-sloppy")):
            main = main or site
    return main, security


def proxies() -> dict[str, str]:
    """Return APT's own proxies as environment variables, which mmdebstrap and Python use alike."""
    command = ["apt-config", "shell", "http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = dict(re.findall(r"^(https?_proxy)='([^']+)'$", done.stdout, re.MULTILINE))
    return {key: value for key, value in found.items() if value != "DIRECT" and key not in os.environ}


def indexes(sources: list[Source], timeout: float) -> tuple[list[Source], list[Index]]:
    """Fetch the sources' signed indexes, side by side.

    Returns:
        The sources that exist, and their indexes.

    Raises:
        Fault: One cannot be fetched.
    """
    urls = [source.inrelease for source in sources]
    with _session() as session, ThreadPoolExecutor(max_workers=len(urls) or 1) as pool:
        fetched = list(pool.map(lambda source: _fetch(session, source, timeout), sources))
    there = [(source, url, text) for source, url, text in zip(sources, urls, fetched) if text is not None]
    found = {url: Index(url, hashlib.sha256(text).hexdigest(), _date(text, url)) for _source, url, text in there}
    return [source for source, _url, _text in there], list(found.values())


def _session() -> Session:
    session = Session()
    again = Retry(total=ATTEMPTS - 1, backoff_factor=0.5, status_forcelist=(408, 429, 500, 502, 503, 504))
    session.mount("http://", HTTPAdapter(max_retries=again))
    session.mount("https://", HTTPAdapter(max_retries=again))
    return session


def _fetch(session: Session, source: Source, timeout: float) -> bytes | None:
    url = source.inrelease
    try:
        response = session.get(url, timeout=timeout)
    except RequestException as error:
        raise Fault(f"{url} cannot be fetched, tried {ATTEMPTS} times: {_reason(error)}. {_ADVICE}") from error
    if response.status_code in (404, 410) and not source.required:
        return None
    if response.status_code != 200:
        raise Fault(f"{url} answers {response.status_code} {response.reason}. {_ADVICE}")
    return response.content


def _reason(error: BaseException) -> str:
    # The libraries wrap what happened three times over; the innermost says it.
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return _reason(inner) if isinstance(inner, BaseException) else str(error)


_ADVICE = "Does the suite exist there? Is the network up? Another archive can be named by `mirror`."


def _date(text: bytes, url: str) -> datetime:
    match = re.search(rb"^Date: (.+)$", text[:4096], re.MULTILINE)
    if not match:
        raise Fault(f"{url} is not a signed index of a Debian archive; is something in between, such as a login page?")
    return parsedate_to_datetime(match[1].decode()).replace(tzinfo=UTC)
