# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing an image in a region: what is wished, what there is, and the steps between. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Iterable, Mapping, Optional, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment, stamp

Permission = tuple[str, str]
"""Who may use something, as the API says it: ``("UserId", "111122223333")``, ``("Group", "all")``."""

COPY, SHARE, SHARE_SNAPSHOT = "copy", "share", "share snapshot"
DEPRECATE, PROTECT, PARAMETER, TAG = "deprecate", "protect", "set parameter", "tag"
"""Kinds of steps, in the order in which they are taken."""

SHARING = (SHARE, SHARE_SNAPSHOT)

_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"arn:[a-z-]+:organizations::\d{12}:organization/o-[a-z0-9]{10,32}")
_UNIT = re.compile(r"arn:[a-z-]+:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")


@dataclass(frozen=True)
class Wish:
    """What the image is to be in every region.

    Attributes:
        launch: Who may start machines of it.
        volumes: Who may make volumes of its snapshots.
        deprecate_at: When it is deprecated.
        protected: Whether it is protected from being deregistered; False leaves it as it is.
        parameter: Name of the SSM parameter that holds its id.
        tags: Tags that it and its snapshots have.
    """

    launch: frozenset[Permission] = frozenset()
    volumes: frozenset[Permission] = frozenset()
    deprecate_at: Optional[datetime] = None
    protected: bool = False
    parameter: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Present:
    """What the image is in a region.

    Attributes:
        image: Its id; empty where there is none.
        snapshots: Ids of its snapshots.
        launch: Who may start machines of it; known if that is wished for.
        volumes: Who may make volumes, by snapshot; known if that is wished for.
        deprecates: When it is deprecated.
        protected: Whether it is protected from being deregistered.
        parameter: Value of the parameter, if one is wished for.
        tags: The image's tags.
    """

    image: str = ""
    snapshots: tuple[str, ...] = ()
    launch: frozenset[Permission] = frozenset()
    volumes: Mapping[str, frozenset[Permission]] = field(default_factory=dict)
    deprecates: Optional[datetime] = None
    protected: bool = False
    parameter: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the difference of a module shows it."""
        return {
            "image": self.image,
            "shared_with": _names(self.launch),
            "snapshots_shared_with": {snapshot: _names(who) for snapshot, who in sorted(self.volumes.items())},
            "deprecated_at": stamp(self.deprecates) if self.deprecates else "",
            "deregistration_protection": self.protected,
            "parameter": self.parameter,
            "tags": dict(self.tags),
        }


def _names(permissions: Iterable[Permission]) -> list[str]:
    return sorted(name for _kind, name in permissions)


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        kind: What, such as `SHARE`.
        subject: To what: the id of the image or snapshot, or the parameter's name.
        value: With what: permissions, a time, tags.
    """

    kind: str
    subject: str
    value: Any = None


def missing(wish: Wish, present: Present) -> list[Step]:
    """Return the steps from what there is to what is wished for, in order; none if there are none.

    What is more than is wished for stays as it is: who else may use the image, and its other tags.
    """
    steps = []
    if not present.image:
        steps.append(Step(COPY, ""))
    if wish.launch - present.launch:
        steps.append(Step(SHARE, present.image, wish.launch - present.launch))
    for snapshot in present.snapshots:
        lacking = wish.volumes - present.volumes.get(snapshot, frozenset())
        if lacking:
            steps.append(Step(SHARE_SNAPSHOT, snapshot, lacking))
    if wish.deprecate_at and not _same_minute(wish.deprecate_at, present.deprecates):
        steps.append(Step(DEPRECATE, present.image, wish.deprecate_at))
    if wish.protected and not present.protected:
        steps.append(Step(PROTECT, present.image))
    if wish.parameter and (not present.image or present.parameter != present.image):
        steps.append(Step(PARAMETER, wish.parameter, present.image))
    lacking_tags = {key: value for key, value in wish.tags.items() if present.tags.get(key) != value}
    if lacking_tags:
        steps.append(Step(TAG, present.image, lacking_tags))
    return steps


def _same_minute(wanted: datetime, present: datetime | None) -> bool:
    """Compare as EC2 does, which rounds to the minute."""
    return present is not None and abs((wanted - present).total_seconds()) < 60


def done(present: Present, step: Step) -> Present:
    """Return what there is after a step other than a copy."""
    change: dict[str, Any] = {}
    if step.kind == SHARE:
        change = {"launch": present.launch | step.value}
    elif step.kind == SHARE_SNAPSHOT:
        who = present.volumes.get(step.subject, frozenset()) | step.value
        change = {"volumes": {**present.volumes, step.subject: who}}
    elif step.kind == DEPRECATE:
        change = {"deprecates": step.value}
    elif step.kind == PROTECT:
        change = {"protected": True}
    elif step.kind == PARAMETER:
        change = {"parameter": step.value}
    elif step.kind == TAG:
        change = {"tags": {**present.tags, **step.value}}
    return replace(present, **change)


def sharing(option: Mapping[str, Any] | None) -> tuple[frozenset[Permission], frozenset[Permission]]:
    """Return who may start machines, and who may make volumes, as the option ``share_with`` says it.

    EC2 shares snapshots with accounts and with everybody, not with organisations.

    Raises:
        Fault: Somebody is named in a way that EC2 does not know; all of them at once.
    """
    given = option or {}
    problems = [
        f"{account!r} is no account: it has 12 digits. Quote it in YAML, which takes leading zeros away"
        for account in _wrong(given.get("accounts"), _ACCOUNT)
    ]
    for key, pattern, sample in (
        ("organizations", _ORGANIZATION, "organization/o-a1b2c3d4e5"),
        ("organizational_units", _UNIT, "ou/o-a1b2c3d4e5/ou-ab12-11111111"),
    ):
        problems += [
            f"{name!r} is no ARN of {key}: give one such as arn:aws:organizations::123456789012:{sample}"
            for name in _wrong(given.get(key), pattern)
        ]
    if problems:
        raise Fault(f"share_with: {'; '.join(problems)}.")
    launch = {
        (kind, name)
        for key, kind in (
            ("accounts", "UserId"),
            ("organizations", "OrganizationArn"),
            ("organizational_units", "OrganizationalUnitArn"),
            ("groups", "Group"),
        )
        for name in given.get(key) or ()
    }
    volumes = {one for one in launch if one[0] in ("UserId", "Group")} if given.get("snapshots") else set()
    return frozenset(launch), frozenset(volumes)


def _wrong(names: Sequence[str] | None, pattern: re.Pattern[str]) -> list[str]:
    return [name for name in names or () if not pattern.fullmatch(name)]


def deprecation(text: str | None, now: datetime) -> datetime | None:
    """Return the time at which an image is to be deprecated.

    Raises:
        Fault: The text is no time, or one that EC2 would not take.
    """
    if not text:
        return None
    time = moment(text)
    if time is None:
        raise Fault(f"deprecate_at: {text!r} is no time: write it such as 2027-05-21T07:00:00Z.")
    if time <= now:
        raise Fault(f"deprecate_at: {text} is past; EC2 takes a time to come.")
    return time
