"""Files from servers, kept: fetched anew only when they changed, and as they were where the user says that will do."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from goldsmith import atomic
from goldsmith.errors import EnvironmentFault

_TIMEOUT = (10, 60)
"""Seconds to connect, and to wait for more."""


@dataclass(frozen=True)
class Kept:
    """A file as it was fetched.

    Attributes:
        url: Its address.
        content: What is in it.
        fetched: When the server last said that this is what it has.
        etag: What the server named it by, or empty.
        modified: When it was changed, in the server's words, or empty.
    """

    url: str
    content: bytes
    fetched: datetime
    etag: str = ""
    modified: str = ""


class Download:
    """Fetches files over HTTP and keeps them.

    Args:
        directory: Keeps them; made when something is kept.
        offline: Ask no server: what is kept will do, however old it is.
        proxies: Proxy by scheme, where the environment names none.
    """

    def __init__(self, directory: Path, *, offline: bool = False, proxies: dict[str, str] | None = None) -> None:
        self._directory = directory
        self._offline = offline
        self._session = requests.Session()
        self._session.proxies.update(proxies or {})
        # A server that takes .gz for an encoding would have it unpacked on the way, and its digest would be another.
        self._session.headers["Accept-Encoding"] = "identity"
        again = Retry(total=3, backoff_factor=0.5, status_forcelist=(408, 429, 500, 502, 503, 504))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again, pool_maxsize=16))

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def latest(self, url: str) -> Kept:
        """Return a file that changes from time to time, asked for on the condition that it did.

        Raises:
            EnvironmentFault: It cannot be had; the hint tells of what is kept.
        """
        kept = self._kept(url)
        if self._offline:
            if kept is None:
                raise EnvironmentFault(
                    f"nothing is kept of {url}", "Leave out --offline once, where it can be reached."
                )
            return kept
        conditions = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified} if kept else {}
        try:
            answer = self._session.get(
                url, timeout=_TIMEOUT, headers={key: value for key, value in conditions.items() if value}
            )
        except requests.RequestException as error:
            raise self._fault(url, in_words(error), kept) from error
        now = datetime.now(UTC)
        if answer.status_code == 304 and kept:
            kept = Kept(url, kept.content, now, kept.etag, kept.modified)
        elif answer.status_code == 200:
            named = (answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))
            kept = Kept(url, answer.content, now, *named)
        else:
            raise self._fault(url, f"it answers {answer.status_code} {answer.reason}", kept)
        return kept

    def keep(self, kept: Kept) -> None:
        """Keep a file for the next time. Whether it is a good one is for the caller to say.

        Raises:
            EnvironmentFault: It cannot be written.
        """
        about = {key: value for key, value in asdict(kept).items() if key != "content"}
        about["fetched"] = kept.fetched.isoformat()
        about["sha256"] = hashlib.sha256(kept.content).hexdigest()
        path = self._path(kept.url)
        write(path, kept.content)
        write(path.with_suffix(".json"), json.dumps(about).encode())

    def exactly(self, url: str, sha256: str) -> bytes:
        """Return a file of which the digest is known. It is not kept.

        Raises:
            EnvironmentFault: It cannot be had, or is another one.
        """
        if self._offline:
            raise EnvironmentFault(f"nothing is kept of {url}", "Leave out --offline once, where it can be reached.")
        try:
            answer = self._session.get(url, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise self._fault(url, in_words(error), None) from error
        if answer.status_code != 200:
            raise self._fault(url, f"it answers {answer.status_code} {answer.reason}", None)
        if hashlib.sha256(answer.content).hexdigest() != sha256:
            raise EnvironmentFault(
                f"{url} is not the file that the archive's signed index names",
                "The archive may be in the middle of an update: try again. If it stays so, do not trust it.",
            )
        return answer.content

    def _path(self, url: str) -> Path:
        return self._directory / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.index"

    def _kept(self, url: str) -> Kept | None:
        path = self._path(url)
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            about = json.loads(path.with_suffix(".json").read_text("utf-8"))
            content = path.read_bytes()
            # A run that was killed may have written one of the two.
            if hashlib.sha256(content).hexdigest() == about["sha256"]:
                moment = datetime.fromisoformat(about["fetched"])
                return Kept(url, content, moment, str(about["etag"]), str(about["modified"]))
        return None

    def _fault(self, url: str, reason: str, kept: Kept | None) -> EnvironmentFault:
        hint = "Does it exist there? Is the network up?"
        if kept:
            hint += f" --offline takes what was fetched at {kept.fetched:%Y-%m-%d %H:%M} UTC."
        return EnvironmentFault(f"{url} cannot be fetched: {reason}", hint)


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    try:
        atomic.write(path, content)
    except OSError as error:
        raise EnvironmentFault(
            f"{path} cannot be written: {error.strerror}", "Make room, or name another place by GOLDSMITH_HOME."
        ) from error


def in_words(error: BaseException) -> str:
    """Return why a request failed."""
    # The libraries wrap what happened three times over; the innermost says it.
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return in_words(inner) if isinstance(inner, BaseException) else str(error)
