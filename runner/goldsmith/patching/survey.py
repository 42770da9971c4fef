"""Which images must be built anew, of specs or of all that is recorded: what they stand on is looked up here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import proxies
from goldsmith.errors import EnvironmentFault, GoldsmithError, InputError
from goldsmith.patching import cves
from goldsmith.patching._download import Download
from goldsmith.patching._signature import keyrings
from goldsmith.patching.freshness import Freshness
from goldsmith.patching.index import Indexes, Suite
from goldsmith.patching.inventories import Inventories
from goldsmith.patching.verdict import Now, Parent, Verdict, judged, with_parents
from goldsmith.plan import dump, parent_name
from goldsmith.planning import planned, started_from, went_in
from goldsmith.reason import Reason
from goldsmith.registry import Recorded, Registry
from goldsmith.registry.reference import Reference
from goldsmith.spec import PLACEHOLDER_VERSION, Build, builds, fingerprint, load
from goldsmith.targets import Base, Target, installed, parent_target

CACHE = "cache"


@dataclass(frozen=True)
class Options:
    """How to look things up.

    Attributes:
        offline: Ask no server: what is kept will do, however old it is.
        cve_data: Where vulnerabilities are told of, see `goldsmith.patching.cves.vulnerabilities`.
    """

    offline: bool = False
    cve_data: str = ""


@dataclass(frozen=True)
class Survey:
    """What was found out.

    Attributes:
        verdicts: Of each image, in the order of the builds, or by label.
        suites: The archives' suites that packages were compared with.
        notes: What else is to be said, of no image in particular.
        offline: Whether what was kept had to do.
    """

    verdicts: tuple[Verdict, ...]
    suites: tuple[Suite, ...] = ()
    notes: tuple[str, ...] = ()
    offline: bool = False

    @property
    def stale(self) -> list[Verdict]:
        """Those that must be built anew."""
        return [verdict for verdict in self.verdicts if verdict.reasons]

    @property
    def faults(self) -> list[str]:
        """Why some could not be judged, each fault once."""
        return list(dict.fromkeys(fault for verdict in self.verdicts for fault in verdict.faults))


@dataclass
class _Subject:
    """An image that is to be judged: its newest, its build as the spec is now, or both."""

    recorded: Recorded | None
    build: Build | None = None
    notes: list[str] = field(default_factory=list)


def survey(
    registry: Registry,
    root: Path,
    asked: Sequence[Build] | None,
    options: Options,
    now: datetime | None = None,
) -> Survey:
    """Judge images: those of builds, or all that are recorded.

    Args:
        registry: Knows the images.
        root: Goldsmith's home.
        asked: The builds; None for all images that are recorded.
        options: How to look things up.
        now: The time; by default now.

    Raises:
        EnvironmentFault: Vulnerabilities were asked for from a place where they cannot be had.
    """
    newest = {recorded.label: recorded for recorded in _slim(registry.available(), all_of_it=asked is None)}
    if asked is None:
        subjects = _recorded_subjects(newest, installed())
    else:
        subjects = {build.label: _Subject(newest.get(build.label), build) for build in asked}
    notes: list[str] = []
    with Download(root / CACHE / "index", offline=options.offline, proxies=_proxies()) as download:
        indexes = Indexes(download, root / CACHE / "packages", keyrings(root), root, now)
        inventories = Inventories(indexes, _known(root, options, notes))
        fresh = inventories.judge(registry, [one.recorded for one in subjects.values() if one.recorded])
    moment, bases = now or datetime.now(UTC), _Bases(registry, newest, options.offline)
    verdicts = []
    for label, subject in subjects.items():
        recorded, build = subject.recorded, subject.build
        if recorded is None:
            verdicts.append(Verdict(label, None, build, (Reason("new", "there is no image of it yet"),)))
            continue
        found = fresh.get(recorded.artifact)
        freshness = found if isinstance(found, Freshness) else None
        base, note = bases.of(build) if build else (None, None)
        goes_in, fault = _went_in(build, registry) if build else (None, None)
        standing = Now(
            moment=moment,
            ingredients=goes_in,
            fingerprint=fingerprint(build.loaded) if build and recorded.ingredients is None else None,
            base=base,
            parent=bases.parent(recorded, _from(recorded, build)),
            freshness=freshness,
            indexes=inventories.seen(recorded),
        )
        reasons, more = judged(recorded, standing)
        told = (*subject.notes, *filter(None, (note, fault)), *more)
        faults = (found,) if isinstance(found, str) else ()
        indexes_seen = standing.indexes or {}
        verdicts.append(Verdict(label, recorded, build, tuple(reasons), told, freshness, faults, indexes_seen))
    found_out = with_parents(verdicts, {one.label: above for one in verdicts if (above := _above(one))})
    if options.offline:
        notes.append("--offline: no base was looked up.")
    return Survey(tuple(found_out), tuple(indexes.suites), tuple(notes), options.offline)


def _slim(found: Iterable[Recorded], *, all_of_it: bool) -> Iterable[Recorded]:
    """Yield records; where the spec is gone, without what would only be compared with it: it is most of a record."""
    there: dict[str, bool] = {}
    for recorded in found:
        if recorded.spec not in there:
            there[recorded.spec] = Path(recorded.spec).is_file()
        if all_of_it and not there[recorded.spec] and recorded.ingredients is not None:
            kept = {
                key: text
                for key, text in recorded.ingredients.items()
                if key in ("source", "policy:max_age") or key.startswith("index:")
            }
            yield replace(recorded, ingredients=kept)
        else:
            yield recorded


def _recorded_subjects(newest: Mapping[str, Recorded], targets: Mapping[str, Target]) -> dict[str, _Subject]:
    """Return a subject for each recorded image, with the build that its spec describes now, set as it was then."""
    loaded: dict[tuple[str, str], dict[str, Build] | str] = {}
    subjects: dict[str, _Subject] = {}
    for label, recorded in newest.items():
        subjects[label] = subject = _Subject(recorded)
        if not Path(recorded.spec).is_file():
            subject.notes.append(f"its spec {recorded.spec} is not there any more")
            continue
        said = {
            key.removeprefix("set:"): text
            for key, text in (recorded.ingredients or {}).items()
            if key.startswith("set:")
        }
        key = (recorded.spec, json.dumps(said, sort_keys=True))
        if key not in loaded:
            try:
                loaded[key] = {build.label: build for build in builds(load(Path(recorded.spec), said, targets))}
            except InputError as error:
                loaded[key] = str(error)
        found = loaded[key]
        if isinstance(found, str):
            subject.notes.append(f"its spec is wrong: {found}")
        elif label in found:
            subject.build = found[label]
        else:
            subject.notes.append(f"its spec {recorded.spec} does not build it any more")
    return subjects


def _went_in(build: Build, registry: Registry) -> tuple[Mapping[str, str] | None, str | None]:
    """Return what would go into a build now, or None and why that cannot be told."""
    try:
        return went_in(planned(build, PLACEHOLDER_VERSION, registry, require_parent=False)), None
    except InputError as error:
        return None, f"its spec cannot be followed: {error}"


def _from(recorded: Recorded, build: Build | None) -> str | None:
    """Return which image an image starts from: as its spec says it, or as that did when it was built."""
    if build is not None:
        return parent_name(build)
    name: str | None = json.loads((recorded.ingredients or {}).get("source", "{}")).get("from")
    return name


def _above(verdict: Verdict) -> str | None:
    """Return the label of what an image starts from, unless it says which version of that."""
    recorded = verdict.recorded
    if verdict.build is not None:
        name, platform, target = parent_name(verdict.build), verdict.build.platform, verdict.build.target.parent_target
    elif recorded is not None:
        name, platform, target = _from(recorded, None), recorded.platform, parent_target(recorded.target)
    return f"{name}/{platform}/{target}" if name and not Reference.parse(name).pinned else None


class _Bases:
    """What sources mean now; each is looked up once.

    Args:
        registry: Knows the images that others start from.
        newest: The newest image of each label, also where it is revoked.
        offline: Whether no registry and no cloud may be asked.
    """

    def __init__(self, registry: Registry, newest: Mapping[str, Recorded], offline: bool) -> None:
        self._registry = registry
        self._newest = newest
        self._offline = offline
        self._found: dict[str, tuple[Base | None, str | None]] = {}
        self._parents: dict[str, Parent | None] = {}

    def parent(self, recorded: Recorded, name: str | None) -> Parent | None:
        """Return what an image that starts from another one would start from; None where there is none yet."""
        if name is None:
            return None
        target = parent_target(recorded.target)
        label = f"{name}/{recorded.platform}/{target}"
        if label not in self._parents:
            try:
                made = started_from(name, recorded.platform, target, self._registry)
                self._parents[label] = Parent(made.identity, str(made.version)) if made else None
            except GoldsmithError as error:
                self._parents[label] = Parent(None, revoked=error.message)
        found, above = self._parents[label], self._newest.get(label)
        # The build would pass over a revoked image, to one before it: say why.
        if found and above and above.revoked and above.identity == recorded.base:
            return replace(found, revoked=f"{above.version}, {above.revoked}")
        return found

    def of(self, build: Build) -> tuple[Base | None, str | None]:
        """Return a build's base, or None and perhaps why."""
        if self._offline:
            return None, None
        options = build.options(PLACEHOLDER_VERSION)
        key = json.dumps([build.target.name, dump(build.source), list(build.target.regions(options))[:1]])
        if key not in self._found:
            try:
                self._found[key] = build.target.newest(build.source, options), None
            except EnvironmentFault as fault:
                self._found[key] = None, fault.message
        return self._found[key]


def _known(root: Path, options: Options, notes: list[str]) -> cves.Known:
    def known(release: str) -> cves.Vulnerabilities:
        try:
            return cves.vulnerabilities(release, options.cve_data, root / CACHE / "cves", offline=options.offline)
        except EnvironmentFault as fault:
            if options.cve_data:
                raise
            # Whether there is an update is known from the archives: their verdict stands without names.
            notes.append(f"No vulnerabilities are named: {fault}")
            return []

    return known


def _proxies() -> dict[str, str]:
    return {name.removesuffix("_proxy"): url for name, url in proxies().items()}
