"""What differs between two inventories. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from goldsmith.result import Package


@dataclass(frozen=True)
class Change:
    """A package that is in both inventories, in another version; which one is newer is the distribution's to say."""

    type: str
    name: str
    arch: str
    old: str
    new: str


@dataclass(frozen=True)
class Changes:
    """What differs between two inventories, each by name."""

    added: tuple[Package, ...] = ()
    removed: tuple[Package, ...] = ()
    changed: tuple[Change, ...] = ()

    @property
    def total(self) -> int:
        """How many packages differ."""
        return len(self.added) + len(self.removed) + len(self.changed)


def changes(old: Iterable[Package], new: Iterable[Package]) -> Changes:
    """Return what became of the packages of ``old`` in ``new``.

    A package is known again by its type, name and architecture. Of one that is there in several versions at once, such
    as rpm's kernels, versions come and go, unless there is just one to go and one to come.
    """
    before, after = _by_name(old), _by_name(new)
    added: list[Package] = []
    removed: list[Package] = []
    changed: list[Change] = []
    for key in sorted(before.keys() | after.keys()):
        gone = [package for version, package in sorted(before[key].items()) if version not in after[key]]
        come = [package for version, package in sorted(after[key].items()) if version not in before[key]]
        if len(gone) == len(come) == 1:
            kind, name, arch = key
            changed.append(Change(kind, name, arch, gone[0].version, come[0].version))
        else:
            removed += gone
            added += come
    return Changes(tuple(added), tuple(removed), tuple(changed))


def _by_name(packages: Iterable[Package]) -> dict[tuple[str, str, str], dict[str, Package]]:
    found: dict[tuple[str, str, str], dict[str, Package]] = defaultdict(dict)
    for package in packages:
        found[package.type, package.name, package.arch][package.version] = package
    return found
