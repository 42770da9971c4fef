"""What distributions' archives offer now: their signed indexes, fetched once for all images."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import lzma
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from debian.deb822 import Release

from goldsmith.errors import EnvironmentFault
from goldsmith.patching._download import Download, write
from goldsmith.patching._signature import signed
from goldsmith.patching.offers import Candidate, Newest, Offers, packed
from goldsmith.versions import newer

_FORMAT = 2
"""Of the lists that are kept; raise it when `_read` reads something else."""

_UNUSED = 30 * 86400

_FIELDS = ("Package: ", "Version: ", "Source: ")


@dataclass(frozen=True)
class Archive:
    """A suite at an address, as an image fetches from it.

    Attributes:
        uri: Address of the archive.
        suite: Suite, or a path that ends in a slash.
        components: Components; none with a path.
        check_valid_until: Whether an index that has run out is refused.
    """

    uri: str
    suite: str
    components: tuple[str, ...] = ()
    check_valid_until: bool = True

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Archive:
        """Return what is recorded of an image: see the modules' ``sources``."""
        return cls(
            recorded["uri"],
            recorded["suite"],
            tuple(recorded.get("components") or ()),
            bool(recorded.get("check_valid_until", True)),
        )

    @property
    def url(self) -> str:
        """Address below which its indexes are."""
        uri, suite = self.uri.rstrip("/"), self.suite
        return f"{uri}/{suite.strip('/')}".rstrip("/") if suite.endswith("/") else f"{uri}/dists/{suite}"


@dataclass(frozen=True)
class Suite:
    """A suite as its signed index describes it.

    Attributes:
        archive: Where it is.
        sha256: Digest of the index, InRelease.
        fetched: When the archive last said that this is its index.
        codename: Name of the release, such as ``bookworm``; of ``bookworm-security`` too.
        security: Whether it holds security updates.
        automatic: Whether its packages are installed without being asked for by the suite's name; not so backports.
        upgrades: Whether what was installed from it is upgraded from it; so for backports.
        files: SHA-256 by path of the files that the index names.
        by_hash: Whether the archive gives files by their digest as well.
    """

    archive: Archive
    sha256: str
    fetched: datetime
    codename: str
    security: bool
    automatic: bool
    upgrades: bool
    files: Mapping[str, str] = field(repr=False)
    by_hash: bool


class Indexes:
    """The indexes of archives: each is fetched once, checked, and kept.

    Args:
        download: Fetches.
        directory: Keeps the lists of packages, by their digest.
        rings: Keyrings that indexes are checked against.
        root: Goldsmith's home.
        now: The time; by default now.
    """

    def __init__(
        self, download: Download, directory: Path, rings: Sequence[Path], root: Path, now: datetime | None = None
    ) -> None:
        self._download = download
        self._directory = directory
        self._rings = rings
        self._root = root
        self._now = now or datetime.now(UTC)
        self._suites: dict[Archive, Suite | EnvironmentFault] = {}
        self._lists: dict[tuple[Archive, str], Mapping[str, Candidate]] = {}
        self._lock = threading.Lock()

    @property
    def suites(self) -> list[Suite]:
        """The suites that were asked for so far and could be had."""
        return [suite for suite in self._suites.values() if isinstance(suite, Suite)]

    def suite(self, archive: Archive) -> Suite:
        """Return what an archive's signed index says.

        Raises:
            EnvironmentFault: It cannot be had, or is not to be trusted.
        """
        found = self._suites.get(archive)
        if found is None:
            try:
                found = self._suite(archive)
            except EnvironmentFault as fault:
                found = fault
            with self._lock:
                self._suites[archive] = found
        if isinstance(found, EnvironmentFault):
            raise found
        return found

    def fetch(self, archives: Iterable[Archive]) -> None:
        """Fetch signed indexes side by side; what is wrong with one is told when it is asked for."""

        def attempt(archive: Archive) -> None:
            with contextlib.suppress(EnvironmentFault):
                self.suite(archive)

        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="index") as pool:
            list(pool.map(attempt, dict.fromkeys(archives)))

    def packages(self, archive: Archive, architecture: str) -> Mapping[str, Candidate]:
        """Return the newest version of each package that an archive has for an architecture, by name.

        Raises:
            EnvironmentFault: A list cannot be had, or is not the one that the signed index names.
        """
        key = (archive, architecture)
        if key not in self._lists:
            suite = self.suite(archive)
            self._lists[key] = Newest([self._list(suite, path) for path in _lists(suite, architecture)])
        return self._lists[key]

    def _suite(self, archive: Archive) -> Suite:
        if not archive.uri.startswith(("http://", "https://")):
            raise EnvironmentFault(
                f"{archive.uri} is no archive that can be reached from here", "Only http:// and https:// are."
            )
        kept = self._download.latest(f"{archive.url}/InRelease")
        suite = _described(signed(kept.content, kept.url, self._rings, self._root), archive, kept.content, kept.fetched)
        # What was fetched at the time was good then: who wants it although it is old has said so.
        until = suite[1]
        if until and until < min(self._now, kept.fetched) and archive.check_valid_until:
            raise EnvironmentFault(
                f"{kept.url} has run out at {until:%Y-%m-%d %H:%M} UTC: the archive is no longer kept up to date",
                "Use a mirror that is. Of an archive of the past, the image's source says check-valid-until=no.",
            )
        self._download.keep(kept)
        return suite[0]

    def _list(self, suite: Suite, path: str) -> Mapping[str, Candidate]:
        """Return the packages of one list, by name."""
        digest = suite.files[path]
        kept = self._directory / f"{digest}-{_FORMAT}"
        with contextlib.suppress(OSError, ValueError):
            read = Offers(kept.read_bytes())
            kept.touch()
            return read
        folder, _, name = path.rpartition("/")
        place = f"{folder}/by-hash/SHA256/{digest}".lstrip("/") if suite.by_hash else path
        content = self._download.exactly(f"{suite.archive.url}/{place}", digest)
        try:
            found = _read(_lines(content, name))
        except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
            raise EnvironmentFault(f"{suite.archive.url}/{path} cannot be read: {error}") from error
        write(kept, packed(found))
        self._forget()
        return found

    def _forget(self) -> None:
        """Remove lists that have not been of use for a month: archives change every day."""
        for path in self._directory.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNUSED:
                    path.unlink()


def _described(text: str, archive: Archive, content: bytes, fetched: datetime) -> tuple[Suite, datetime | None]:
    """Return what the text of an index says, and when it runs out."""
    release = Release(text)
    label, codename, suite = (str(release.get(key, "")) for key in ("Label", "Codename", "Suite"))
    until = release.get("Valid-Until")
    described = Suite(
        archive=archive,
        sha256=hashlib.sha256(content).hexdigest(),
        fetched=fetched,
        codename=codename.partition("-")[0].partition("/")[0],
        security=label.endswith("-Security") or suite.endswith("-security") or archive.suite.endswith("-security"),
        automatic=release.get("NotAutomatic", "").lower() != "yes",
        upgrades=release.get("ButAutomaticUpgrades", "").lower() == "yes",
        files={row["name"]: row["sha256"] for row in release.get("SHA256", ())},
        by_hash=release.get("Acquire-By-Hash", "").lower() == "yes",
    )
    return described, parsedate_to_datetime(until).astimezone(UTC) if until else None


def _lists(suite: Suite, architecture: str) -> Iterable[str]:
    """Yield the paths of the lists of packages, the smallest form of each.

    A component that has none for the architecture is empty, but one that the index does not name at all is a fault.
    """
    folders = [f"{component}/binary-{architecture}/" for component in suite.archive.components] or [""]
    for folder in folders:
        forms = (f"{folder}Packages{ending}" for ending in (".xz", ".gz", ""))
        if path := next((form for form in forms if form in suite.files), None):
            yield path


def _lines(content: bytes, name: str) -> Iterable[str]:
    packed: Any = io.BytesIO(content)
    if name.endswith(".xz"):
        packed = lzma.LZMAFile(packed)  # noqa: SIM115  who reads it to its end closes it
    elif name.endswith(".gz"):
        packed = gzip.GzipFile(fileobj=packed)
    return io.TextIOWrapper(packed, encoding="utf-8", errors="replace")


def _read(lines: Iterable[str]) -> dict[str, Candidate]:
    """Return the newest version of each package by name, of a list of packages (deb822(5)).

    Of a hundred lines three are of interest, so that a parser of them all would take ten times as long.
    """
    found: dict[str, Candidate] = {}
    for fields in _paragraphs(lines):
        name, version = fields.get("Package: "), fields.get("Version: ")
        if not name or not version or (name in found and not newer(version, found[name].version)):
            continue
        source, _, source_version = fields.get("Source: ", name).partition(" ")
        found[name] = Candidate(version, source, source_version.strip("()") or version)
    return found


def _paragraphs(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(_FIELDS):
            key, _, value = line.partition(" ")
            fields[f"{key} "] = value.strip()
        elif line == "\n" and fields:
            yield fields
            fields = {}
    if fields:
        yield fields
