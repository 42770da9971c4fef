"""Whether an image must be built anew, and why. Pure: what it stands on is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from goldsmith.ingredients import Ingredients, changes
from goldsmith.patching.freshness import Freshness, worst
from goldsmith.reason import Reason
from goldsmith.registry.records import Recorded
from goldsmith.spec import Build
from goldsmith.targets import Base

_NAMED = 3
"""Vulnerabilities that a reason names; `Freshness` has them all."""


@dataclass(frozen=True)
class Parent:
    """The image that another one would start from now.

    Attributes:
        identity: Its identity; None where nothing may be built on.
        called: The version it belongs to.
        revoked: Why what the other one was built on must not be built on any more; empty where it may.
    """

    identity: str | None
    called: str = ""
    revoked: str = ""


@dataclass(frozen=True)
class Now:
    """What a build of an image would stand on now.

    Attributes:
        moment: The time.
        ingredients: What would go in; None where the spec is not there any more.
        fingerprint: The spec's fingerprint, likewise.
        base: What the source means now, where that is known.
        parent: What it would start from where that is another spec's image, or None.
        freshness: How up to date its packages are; None where that cannot be told.
        indexes: SHA-256 of the archives' signed indexes by address.
    """

    moment: datetime
    ingredients: Ingredients | None = None
    fingerprint: str | None = None
    base: Base | None = None
    parent: Parent | None = None
    freshness: Freshness | None = None
    indexes: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether an image must be built anew.

    Attributes:
        label: Label of its builds, ``name/platform/target``.
        recorded: The newest image that is there, or None.
        build: The build, as its spec is now; None where that is not there any more.
        reasons: Why it must be built anew; none means that nothing asks for it.
        notes: What could not be found out, and what a new build would not mend.
        freshness: How up to date its packages are; None where that cannot be told.
        faults: Why that cannot be told, where it should be.
        indexes: SHA-256 of the archives' signed indexes that its packages were compared with, by address.
    """

    label: str
    recorded: Recorded | None
    build: Build | None = None
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    freshness: Freshness | None = None
    faults: tuple[str, ...] = ()
    indexes: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Literal["build", "rebuild", "fresh", "unknown"]:
        """``rebuild`` when there are reasons; ``unknown`` when there may be, which could not be found out."""
        if self.recorded is None:
            return "build"
        return "rebuild" if self.reasons else "unknown" if self.faults else "fresh"


def judged(recorded: Recorded, now: Now) -> tuple[list[Reason], list[str]]:
    """Return why an image must be built anew, and what else is to be said of it.

    Args:
        recorded: The image.
        now: What a build of it would stand on.
    """
    notes: list[str] = []
    reasons: list[Reason] = []
    if recorded.revoked is not None:
        reasons.append(Reason("revoked", f"version {recorded.version.label} is revoked: {recorded.revoked}"))
    if now.ingredients is not None and recorded.ingredients is not None:
        reasons += changes(recorded.ingredients, now.ingredients)
    elif now.fingerprint is not None and now.fingerprint != recorded.fingerprint:
        reasons.append(Reason("spec", "the spec changed since; what in it was not recorded yet"))
    reasons += _base(recorded, now)
    reasons += _age(recorded, now)
    if now.freshness is not None and now.freshness.updates:
        reason = _packages(now.freshness)
        if _saw(recorded, now.indexes):
            notes.append(f"{reason.text}; it was built from the same indexes, so that a new build would not mend it")
        else:
            reasons.append(reason)
    return reasons, notes


def with_parents(verdicts: Iterable[Verdict], parents: Mapping[str, str]) -> list[Verdict]:
    """Return verdicts in the same order, where who starts from an image that is to be built anew is to be so too.

    Args:
        verdicts: Verdicts by themselves.
        parents: Label of what each starts from, by label.
    """
    known = {verdict.label: verdict for verdict in verdicts}
    for label in known:
        chain = [label]
        while (above := parents.get(chain[-1])) in known and above not in chain:
            chain.append(str(above))
        for child, parent in reversed(list(pairwise(chain))):
            if known[parent].reasons and not any(reason.kind in ("parent", "new") for reason in known[child].reasons):
                reason = Reason("parent", f"its base {parent} is to be built anew", {"parent": parent})
                known[child] = replace(known[child], reasons=(*known[child].reasons, reason))
    return list(known.values())


def _base(recorded: Recorded, now: Now) -> list[Reason]:
    before = recorded.base
    if now.parent is not None:
        if now.parent.revoked:
            return [Reason("parent", f"its base is revoked: {now.parent.revoked}")]
        if now.parent.identity is not None and now.parent.identity != before:
            details = {"before": before, "now": now.parent.identity}
            return [Reason("parent", f"its base was built anew: {now.parent.called}", details)]
        return []
    if now.base is None:
        return []
    digest = (recorded.base_digest or "").rpartition("@")[2]
    for old, new in ((digest, now.base.digest), (before, now.base.id)):
        if old and new:
            moved = f"the base moved: {_short(old)} -> {_short(new)}"
            return [Reason("base", moved, {"before": old, "now": new})] if old != new else []
    return []


def _age(recorded: Recorded, now: Now) -> list[Reason]:
    said = (recorded.ingredients if now.ingredients is None else now.ingredients) or {}
    limit = said.get("policy:max_age")
    age = (now.moment - recorded.built).total_seconds()
    if limit is None or age <= float(limit):
        return []
    days, most = age / 86400, float(limit) / 86400
    return [Reason("age", f"it is {days:.1f} days old, the policy says {most:g} at most", {"seconds": age})]


def _packages(freshness: Freshness) -> Reason:
    count, security, cves = freshness.outdated, freshness.security, freshness.cves
    text = f"{count} package{'' if count == 1 else 's'} out of date"
    if security:
        text += f", {security} of them by security updates"
    if cves:
        named = [f"{name} ({urgency})" if urgency else name for name, urgency in worst(cves, _NAMED)]
        more = f" and {len(cves) - _NAMED} more" if len(cves) > _NAMED else ""
        text += f": {', '.join(named)}{more}"
    return Reason("packages", text, {"outdated": count, "security": security, "cves": len(cves)})


def _saw(recorded: Recorded, indexes: Mapping[str, str] | None) -> bool:
    """Return whether the image was built when its archives had the same indexes as now."""
    seen = dict(recorded.inrelease)
    for name, digest in (recorded.ingredients or {}).items():
        if name.startswith("index:"):
            seen[name.removeprefix("index:")] = digest
    return bool(indexes) and all(seen.get(url) == digest for url, digest in (indexes or {}).items())


def _short(identity: str) -> str:
    return identity[:19] if identity.startswith("sha256:") else identity
