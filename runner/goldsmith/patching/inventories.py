"""All inventories against what their archives offer, each archive asked once and each package judged once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from goldsmith.errors import EnvironmentFault
from goldsmith.patching.cves import Known
from goldsmith.patching.freshness import Freshness, Judge, Update
from goldsmith.patching.index import Archive, Indexes, Suite
from goldsmith.patching.offers import Candidate
from goldsmith.registry import Recorded, Registry
from goldsmith.result import Package

Scope = tuple[Archive, ...]
"""The archives that an image fetches from; most images share theirs with many."""


class Inventories:
    """Judges what is recorded of images' packages.

    Args:
        indexes: What archives offer.
        known: Returns the vulnerabilities known of a release.
    """

    def __init__(self, indexes: Indexes, known: Known) -> None:
        self._indexes = indexes
        self._known = known
        self._scopes: dict[Scope, _Scope] = {}

    def judge(self, registry: Registry, images: Sequence[Recorded]) -> dict[int, Freshness | str]:
        """Return how fresh images are by the number of their artifact; for some, why that cannot be told.

        Images of which no packages are recorded are left out.
        """
        found: dict[int, Freshness | str] = {}
        wanted: dict[int, dict[Scope, list[int]]] = {}
        for image in images:
            if image.inventory is not None:
                wanted.setdefault(image.inventory, {}).setdefault(_scope(image.sources), []).append(image.artifact)
        self._indexes.fetch(archive for scopes in wanted.values() for scope in scopes for archive in scope)
        for inventory, packages in registry.inventories(list(wanted)):
            for scope, artifacts in wanted[inventory].items():
                fresh = self._judged(scope, packages)
                found.update((artifact, fresh) for artifact in artifacts)
        return found

    def seen(self, image: Recorded) -> dict[str, str] | None:
        """Return the digests of the signed indexes that an image was judged by, by address; None if it was not."""
        scope = self._scopes.get(_scope(image.sources))
        if scope is None or not scope.suites:
            return None
        return {f"{suite.archive.url}/InRelease": suite.sha256 for suite in scope.suites}

    def _judged(self, scope: Scope, packages: Sequence[Package]) -> Freshness | str:
        debs = [package for package in packages if package.type == "deb"]
        if not debs:
            kinds = ", ".join(sorted({package.type for package in packages}))
            return f"no index is read for packages of the kind {kinds}"
        if not scope:
            return "where its packages are from is not recorded: it has no APT sources, or was built before they were"
        if scope not in self._scopes:
            self._scopes[scope] = _Scope(scope, self._indexes, self._known)
        try:
            return self._scopes[scope].freshness(debs)
        except EnvironmentFault as fault:
            return str(fault)


class _Scope:
    """Images that fetch from the same archives: what was found of a package in one of them holds for all."""

    def __init__(self, scope: Scope, indexes: Indexes, known: Known) -> None:
        self._archives = scope
        self._indexes = indexes
        self._known = known
        self._judge: Judge | None = None
        self._found: dict[str, dict[Package, Update | None]] = {}
        self.suites: list[Suite] = []

    def freshness(self, packages: Sequence[Package]) -> Freshness:
        """Return how fresh packages are.

        Raises:
            EnvironmentFault: An index cannot be had.
        """
        if self._judge is None:
            suites = [self._indexes.suite(archive) for archive in self._archives]
            release = next((suite.codename for suite in suites if suite.codename), "")
            self._judge = Judge(self._lists, self._known(release) if release else ())
            self.suites = suites
        own = _architecture(packages)
        found = self._found.setdefault(own, {})
        updates = []
        for package in packages:
            try:
                update = found[package]
            except KeyError:
                update = found[package] = self._judge.update(package, own)
            if update is not None:
                updates.append(update)
        return Freshness(len(packages), tuple(sorted(updates, key=lambda update: update.package)))

    def _lists(self, architecture: str) -> list[tuple[Suite, Mapping[str, Candidate]]]:
        return [
            (self._indexes.suite(archive), self._indexes.packages(archive, architecture)) for archive in self._archives
        ]


def _scope(sources: Iterable[Mapping[str, Any]]) -> Scope:
    found = {Archive.of(source) for source in sources}
    return tuple(sorted(found, key=lambda archive: (archive.uri, archive.suite, archive.components)))


def _architecture(packages: Sequence[Package]) -> str:
    """Return the machine's own architecture: that of dpkg, or else of the first package that has one."""
    of_all = [package for package in packages if package.arch != "all"]
    return next((one.arch for one in of_all if one.name == "dpkg"), of_all[0].arch if of_all else "all")
