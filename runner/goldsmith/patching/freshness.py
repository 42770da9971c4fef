"""Which of an image's packages are out of date: its inventory against what its archives offer now. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._debian_cves import Vulnerability
from goldsmith.patching.index import Suite
from goldsmith.patching.offers import Candidate
from goldsmith.result import Package
from goldsmith.versions import newer

URGENCIES = ("high", "medium", "low", "")
"""What Debian says of vulnerabilities' urgency, the worst first; whatever else it says comes with the last."""


class Cve(NamedTuple):
    """A vulnerability that an update mends, with its urgency as Debian has it; often empty."""

    name: str
    urgency: str


@dataclass(frozen=True)
class Update:
    """A newer version of a package that an image holds.

    Attributes:
        package: Its name.
        installed: The version in the image.
        candidate: The version that the archives offer.
        security: Whether the security archive offers one that is newer than the image's.
        cves: The vulnerabilities that the image's version has and the offered one has not, as far as is known.
    """

    package: str
    installed: str
    candidate: str
    security: bool
    cves: tuple[Cve, ...] = ()


@dataclass(frozen=True)
class Freshness:
    """How up to date an image's packages are.

    Attributes:
        packages: How many packages of a kind that can be judged are in the image.
        updates: Those out of date, by name.
    """

    packages: int
    updates: tuple[Update, ...] = ()

    @property
    def outdated(self) -> int:
        """How many packages are out of date."""
        return len(self.updates)

    @property
    def security(self) -> int:
        """How many of them the security archive has newer."""
        return sum(update.security for update in self.updates)

    @property
    def cves(self) -> dict[str, str]:
        """The vulnerabilities that an update of all would mend: urgency by name, in no order."""
        found: dict[str, str] = {}
        for update in self.updates:
            found.update(update.cves)
        return found


def worst(cves: Mapping[str, str], number: int) -> list[Cve]:
    """Return the worst of vulnerabilities, of which the urgency is given by name."""
    return [Cve(*one) for one in heapq.nsmallest(number, cves.items(), key=lambda item: (_rank(item[1]), item[0]))]


Lists = Callable[[str], Sequence[tuple[Suite, Mapping[str, Candidate]]]]
"""Returns, for an architecture, the suites that an image fetches from, each with its packages."""


class Judge:
    """Tells which updates there are for packages of images that fetch from the same archives.

    Args:
        lists: Asked once for each architecture.
        vulnerabilities: Those known of the release.
    """

    def __init__(self, lists: Lists, vulnerabilities: Iterable[Vulnerability] = ()) -> None:
        self._lists = lists
        self._offers: dict[str, Sequence[tuple[Suite, Mapping[str, Candidate]]]] = {}
        self._of_source: dict[str, list[Vulnerability]] = {}
        self._of_binary: dict[str, list[Vulnerability]] = {}
        for one in vulnerabilities:
            (self._of_binary if one.of_binary else self._of_source).setdefault(one.package, []).append(one)

    def update(self, package: Package, architecture: str) -> Update | None:
        """Return what there is newer than a package, or None.

        Args:
            package: The package.
            architecture: Where it is looked for when it is for all architectures: the image's own.
        """
        wanted = architecture if package.arch == "all" else package.arch
        if wanted not in self._offers:
            self._offers[wanted] = self._lists(wanted)
        best: Candidate | None = None
        security = False
        for suite, packages in self._offers[wanted]:
            offered = packages.get(package.name)
            if offered is None or not newer(offered.version, package.version):
                continue
            if not suite.automatic and not (suite.upgrades and self._is_from_elsewhere(package, wanted)):
                continue
            security = security or suite.security
            if best is None or newer(offered.version, best.version):
                best = offered
        if best is None:
            return None
        return Update(package.name, package.version, best.version, security, self._mended(package, best))

    def _is_from_elsewhere(self, package: Package, architecture: str) -> bool:
        """Return whether a package is newer than all that the release itself offers: it came from backports."""
        offered = [
            packages[package.name]
            for suite, packages in self._offers[architecture]
            if suite.automatic and package.name in packages
        ]
        return all(newer(package.version, one.version) for one in offered)

    def _mended(self, package: Package, candidate: Candidate) -> tuple[Cve, ...]:
        found: dict[str, Cve] = {}
        of_both = (
            (self._of_source.get(package.source, ()), package.source_version, candidate.source_version),
            (self._of_binary.get(package.name, ()), package.version, candidate.version),
        )
        for known, installed, offered in of_both:
            for one in known:
                if one.affects(installed) and not one.affects(offered):
                    found[one.cve] = Cve(one.cve, one.urgency)
        return tuple(sorted(found.values(), key=lambda cve: (_rank(cve.urgency), cve.name)))


def _rank(urgency: str) -> int:
    return URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES)
