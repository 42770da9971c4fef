# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What APT is told to fetch from: its sources read, turned to another mirror or to a day in the past. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

COMPONENTS = frozenset({"main", "contrib", "non-free", "non-free-firmware", "restricted", "universe", "multiverse"})
"""The components of Debian and Ubuntu. An archive that has others is somebody else's."""
_ALIASES = frozenset({"stable", "oldstable", "oldoldstable", "testing"})
_ARCHIVES = frozenset({"debian", "debian-security", "ubuntu", "ubuntu-ports"})
_HOSTS = re.compile(r"(^|\.)(debian\.org|ubuntu\.com)$")
_KEYRINGS = re.compile(r"/(debian|ubuntu)-archive-[a-z0-9-]*keyring\.")
_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>(?:\s+[^#\s]+)*)")
_LONG_NAMES = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
_QUOTED = re.compile(r"[\\|{}\[\]<>\"^~_=!@#$%&*]")
_OWN = ("types", "uris", "suites", "components", "enabled")


@dataclass(frozen=True)
class Source:
    """One suite at one address.

    Attributes:
        uri: Address of the archive.
        suite: Suite, or a path that ends in a slash.
        components: Components; none with a path.
        options: Other fields as sources.list(5) names them, such as ``Signed-By``.
    """

    uri: str
    suite: str
    components: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def for_security(self) -> bool:
        """Whether the suite holds security updates."""
        return self.suite.endswith(("-security", "/updates"))

    def option(self, name: str) -> str:
        """Return a field; empty when it is not set."""
        return next((value for key, value in self.options if key.lower() == name.lower()), "")

    def render(self) -> str:
        """Return it as a paragraph of a ``.sources`` file."""
        fields = [("Types", "deb"), ("URIs", self.uri), ("Suites", self.suite)]
        if self.components:
            fields.append(("Components", " ".join(self.components)))
        return "".join(f"{key}: {value}\n" for key, value in [*fields, *self.options])


def index_url(source: Source) -> str:
    """Return the address of a source's signed index, without the name and the password that it may hold."""
    uri = _public(source.uri).rstrip("/")
    if source.suite.endswith("/"):
        return f"{uri}/{source.suite.strip('/')}/InRelease"
    return f"{uri}/dists/{source.suite}/InRelease"


def list_name(url: str) -> str:
    """Return the name of the file in which APT keeps what it fetched from an address (apt-pkg, URItoFileName)."""
    place = url.partition("://")[2] or url.partition(":")[2]
    return _QUOTED.sub(lambda found: f"%{ord(found[0]):02x}", place).replace("/", "_")


PLACES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")


def described(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the sources as modules return them: without keys, and without names and passwords in addresses.

    Args:
        files: Content of the files at `PLACES` by name. APT passes over names with other endings, so this does too.
    """
    read = {name: text for name, text in files.items() if name.endswith((".list", ".sources"))}
    return [
        {
            "uri": _public(one.uri),
            "suite": one.suite,
            "components": list(one.components),
            "check_valid_until": one.option("Check-Valid-Until").lower() not in ("no", "false"),
        }
        for one in dict.fromkeys(read_sources(read))
    ]


def _public(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def read_sources(files: Mapping[str, str]) -> list[Source]:
    """Return the sources of binary packages that are enabled.

    Args:
        files: Content by name; names end in ``.list`` or ``.sources``, and tell the format.
    """
    found: list[Source] = []
    for name in files:
        found.extend(_paragraphs(files[name]) if name.endswith(".sources") else _lines(files[name]))
    return found


def _lines(text: str) -> Iterable[Source]:
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match:
            options = (word.partition("=") for word in (match["options"] or "").split())
            named = tuple(
                (_LONG_NAMES.get(key.rstrip("+-"), key), value.replace(",", " ")) for key, _is, value in options
            )
            yield Source(match["uri"], match["suite"], tuple(match["components"].split()), named)


def _paragraphs(text: str) -> Iterable[Source]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in re.split(r"\n\s*\n", lines):
        fields: list[tuple[str, str]] = []
        for line in paragraph.splitlines():
            if line[:1] in (" ", "\t") and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]}\n{line}")
            elif ":" in line:
                key, _colon, value = line.partition(":")
                fields.append((key, value.strip()))
        own = {key.lower(): value for key, value in fields}
        if own.get("enabled", "yes").lower() in ("no", "false", "0") or "deb" not in own.get("types", "").split():
            continue
        options = tuple((key, value) for key, value in fields if key.lower() not in _OWN)
        components = tuple(own.get("components", "").split())
        for uri in own.get("uris", "").split():
            for suite in own.get("suites", "").split():
                yield Source(uri, suite, components, options)


def is_distributions(source: Source, codename: str) -> bool:
    """Tell whether a source is the distribution's own archive, or a mirror of it, and not somebody else's."""
    base = re.split(r"-|/updates", source.suite)[0]
    if base not in _ALIASES | {codename} or not set(source.components) <= COMPONENTS:
        return False
    place, signed_by = urlsplit(source.uri), source.option("Signed-By")
    if _HOSTS.search(place.hostname or "") or _KEYRINGS.search(signed_by):
        return True
    path = [part for part in place.path.split("/") if part]
    # Others keep archives for Debian at addresses such as /product/debian; those have a key of their own.
    return bool(path) and path[-1] in _ARCHIVES and (not signed_by or len(path) == 1)


def mirrored(sources: Iterable[Source], codename: str, mirror: str, security_mirror: str) -> list[Source]:
    """Return the sources with the distribution's own ones at other addresses.

    Args:
        sources: As they are.
        codename: The release's.
        mirror: Address for the suites that are not of security updates; empty leaves those as they are.
        security_mirror: Address for security updates; empty leaves those as they are.
    """

    def turned(source: Source) -> Source:
        uri = security_mirror if source.for_security else mirror
        return replace(source, uri=uri) if uri and is_distributions(source, codename) else source

    return list(dict.fromkeys(map(turned, sources)))


def as_of(sources: Iterable[Source], codename: str, url: str, day: datetime) -> tuple[list[Source], list[Source]]:
    """Return the distribution's own sources as they were at a point in time.

    Args:
        sources: As they are.
        codename: The release's.
        url: Address of the snapshot, with `SNAPSHOT_FIELDS` in braces.
        day: The point in time.

    Returns:
        The sources, and those of others, which have no past to go back to and are left out.

    Raises:
        Fault: The address cannot be meant, or none of the sources is the distribution's.
    """
    given = list(sources)
    own = [source for source in given if is_distributions(source, codename)]
    if not own:
        raise Fault(
            f"none of the {len(given)} sources in /etc/apt is an archive of {codename}, so that there is nothing to "
            f"go back in time with. Look at /etc/apt/sources.list and /etc/apt/sources.list.d."
        )

    def past(source: Source) -> Source:
        # An index of the past has long run out; its signature is what counts.
        kept = tuple((key, value) for key, value in source.options if key.lower() != "check-valid-until")
        return replace(source, uri=snapshot_url(url, source, day), options=(*kept, ("Check-Valid-Until", "no")))

    return list(dict.fromkeys(map(past, own))), [source for source in given if source not in own]


SNAPSHOT_FIELDS = ("archive", "date", "day", "suite")


def snapshot_url(url: str, source: Source, day: datetime) -> str:
    """Fill in the address of a snapshot.

    Raises:
        Fault: It names something else than `SNAPSHOT_FIELDS`.
    """
    distribution = "ubuntu" if "ubuntu" in source.uri else "debian"
    archive = f"{distribution}-security" if source.for_security and distribution == "debian" else distribution
    values = (archive, day.strftime("%Y%m%dT%H%M%SZ"), day.strftime("%Y-%m-%d"), source.suite)
    return fill(url, dict(zip(SNAPSHOT_FIELDS, values)))


def fill(url: str, values: Mapping[str, str]) -> str:
    """Put values into an address in the place of their names in braces.

    Raises:
        Fault: The address holds another name.
    """
    unknown = [name for name in re.findall(r"\{([^{}]*)\}", url) if name not in values]
    if unknown:
        raise Fault(
            f"the address {url!r} holds {{{unknown[0]}}}, which means nothing here. What can be filled in: "
            f"{', '.join(f'{{{name}}}' for name in values)}."
        )
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", value)
    return url


def point_in_time(text: str) -> datetime:
    """Read a date as people and snapshot archives write it: ``2026-01-31``, ``20260131``, ``20260131T120000Z``.

    Raises:
        Fault: It is none.
    """
    digits = re.sub(r"[-:TZ ]", "", text.strip().upper())
    for length, shape in ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        if len(digits) == length and digits.isdigit():
            try:
                return datetime.strptime(digits, shape).replace(tzinfo=UTC)
            except ValueError:
                break
    raise Fault(f"{text!r} is not a date. Write it as 2026-01-31, or with a time as 20260131T120000Z (UTC).")
