"""Which artifacts nobody needs any more, and why the others stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldsmith.registry.records import ArtifactRecord, Channel, Version


@dataclass(frozen=True)
class Held:
    """An artifact that is there, with what decides on it.

    Attributes:
        artifact: The artifact.
        label: ``name/platform/target``: what replaces what.
        good: Whether its build ended well, and its version is not revoked.
        finished: When its build ended, in UTC; ``None`` while it runs.
        host: The machine its build ran on.
    """

    artifact: ArtifactRecord
    label: str
    good: bool
    finished: datetime | None
    host: str


@dataclass(frozen=True)
class Verdict:
    """What becomes of an artifact, and why."""

    held: Held
    goes: bool
    reason: str


def judge(
    held: Sequence[Held],
    channels: Iterable[Channel],
    *,
    keep: int,
    older_than: timedelta | None,
    now: datetime,
    wanted: AbstractSet[str] | None = None,
) -> list[Verdict]:
    """Decide what becomes of artifacts: of each label the newest ``keep`` good ones stay, and what is younger.

    What a channel points at stays, and what something that stays was built on: without it nobody could say any more
    what that is made of.

    Args:
        held: All artifacts that are there.
        channels: All channels.
        keep: How many good ones of each label stay at least.
        older_than: Age that what goes has at least; ``None`` for any.
        now: The present time.
        wanted: Names of the images that are looked at; those of others all stay. By default all are.
    """
    pointed = {channel.version: str(channel) for channel in channels}
    verdicts: dict[int, Verdict] = {}
    kept: dict[str, int] = {}
    for one in sorted(held, key=_newest_first, reverse=True):
        before = kept.get(one.label, 0)
        if one.good:
            kept[one.label] = before + 1
        why = _why_it_stays(one, before, pointed, keep=keep, older_than=older_than, now=now)
        if wanted is not None and one.artifact.version.image not in wanted:
            why = "it is not looked at"
        verdicts[one.artifact.id] = Verdict(one, not why, why or "newer ones have replaced it")
    _keep_ancestors(verdicts)
    _keep_twins(verdicts)
    return [verdict for verdict in verdicts.values() if wanted is None or verdict.held.artifact.version.image in wanted]


def _newest_first(one: Held) -> tuple[str, int, int]:
    return one.label, one.artifact.version.sequence, one.artifact.id


def _why_it_stays(
    one: Held,
    before: int,
    pointed: Mapping[Version, str],
    *,
    keep: int,
    older_than: timedelta | None,
    now: datetime,
) -> str:
    if one.finished is None:
        return "its build still runs"
    if channel := pointed.get(one.artifact.version):
        return f"{channel} points at it"
    if before < keep:
        return f"it is one of the {keep} newest" if keep > 1 else "it is the newest"
    if older_than is not None and now - one.finished < older_than:
        return f"it is not {older_than.days} days old" if older_than.days else "it is not old enough"
    return ""


def _keep_ancestors(verdicts: dict[int, Verdict]) -> None:
    """Let what something that stays was built on stay, too, however far up."""
    staying = [verdict.held.artifact for verdict in verdicts.values() if not verdict.goes]
    while staying:
        child = staying.pop()
        parent = verdicts.get(child.parent or 0)
        if parent is not None and parent.goes:
            verdicts[parent.held.artifact.id] = replace(parent, goes=False, reason=f"{child.version} was built on it")
            staying.append(parent.held.artifact)


def _keep_twins(verdicts: dict[int, Verdict]) -> None:
    """Let what is the same image as one that stays stay, too: a build that can be reproduced makes it twice."""
    staying = {
        (verdict.held.artifact.type, verdict.held.artifact.identity): verdict.held.artifact.version
        for verdict in verdicts.values()
        if not verdict.goes
    }
    for number, verdict in list(verdicts.items()):
        artifact = verdict.held.artifact
        if verdict.goes and (twin := staying.get((artifact.type, artifact.identity))):
            verdicts[number] = replace(verdict, goes=False, reason=f"it is the same image as {twin}")
