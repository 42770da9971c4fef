# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps between what an image is in a region and what it is to be."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ami_publication import (
    Present,
    Step,
    Wish,
    deprecation,
    done,
    missing,
    sharing,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOBODY = {"accounts": [], "organizations": [], "organizational_units": [], "groups": [], "snapshots": False}

permissions = st.frozensets(
    st.sampled_from([("UserId", "1" * 12), ("UserId", "2" * 12), ("Group", "all"), ("OrganizationArn", "arn:o")])
)
times = st.one_of(st.none(), st.integers(1, 10).map(lambda hours: NOW + timedelta(hours=hours)))
tags = st.dictionaries(st.sampled_from(["team", "goldsmith:state", "Name"]), st.sampled_from(["a", "b"]))
wishes = st.builds(Wish, permissions, permissions, times, st.booleans(), st.sampled_from([None, "/images/web"]), tags)
presents = st.builds(
    Present,
    st.sampled_from(["ami-1", "ami-2"]),
    st.just(("snap-1", "snap-2")),
    permissions,
    st.dictionaries(st.sampled_from(["snap-1", "snap-2"]), permissions),
    times,
    st.booleans(),
    st.sampled_from(["", "ami-0", "ami-1"]),
    tags,
)


@given(wishes, presents, st.integers(0, 10))
def test_after_any_of_the_steps_exactly_the_others_are_missing(wish: Wish, present: Present, count: int) -> None:
    steps = missing(wish, present)
    for step in steps[:count]:
        present = done(present, step)
    assert missing(wish, present) == steps[count:]


@given(presents)
def test_nothing_is_missing_where_nothing_is_wished(present: Present) -> None:
    assert missing(Wish(), present) == []


@given(wishes, presents)
def test_nothing_is_taken_away_from_what_there_is(wish: Wish, present: Present) -> None:
    after = present
    for step in missing(wish, present):
        after = done(after, step)
    assert after.launch == present.launch | wish.launch
    assert all(after.volumes[one] >= who for one, who in present.volumes.items())
    assert after.tags == {**present.tags, **wish.tags}
    assert after.protected >= present.protected


@given(wishes, presents)
def test_the_tag_that_says_published_is_set_last(wish: Wish, present: Present) -> None:
    kinds = [step.kind for step in missing(wish, present)]
    assert "tag" not in kinds[:-1]


def test_only_what_is_missing_is_shared() -> None:
    who = frozenset({("UserId", "1" * 12), ("UserId", "2" * 12)})
    present = Present("ami-1", ("snap-1", "snap-2"), who - {("UserId", "1" * 12)}, {"snap-1": who})
    assert missing(Wish(who, who), present) == [
        Step("share", "ami-1", frozenset({("UserId", "1" * 12)})),
        Step("share snapshot", "snap-2", who),
    ]


@pytest.mark.parametrize(("seconds", "steps"), [(0, 0), (29, 0), (-30, 0), (120, 1)])
def test_a_time_that_ec2_has_rounded_to_the_minute_is_the_wanted_one(seconds: int, steps: int) -> None:
    present = Present("ami-1", deprecates=NOW + timedelta(seconds=seconds))
    assert len(missing(Wish(deprecate_at=NOW), present)) == steps


def test_a_parameter_that_holds_another_image_is_set_to_this_one() -> None:
    steps = missing(Wish(parameter="/images/web"), Present("ami-2", parameter="ami-1"))
    assert steps == [Step("set parameter", "/images/web", "ami-2")]


def test_where_there_is_no_copy_everything_is_missing() -> None:
    wish = Wish(frozenset({("Group", "all")}), deprecate_at=NOW, protected=True, parameter="/x", tags={"a": "b"})
    kinds = [step.kind for step in missing(wish, Present())]
    assert kinds == ["copy", "share", "deprecate", "protect", "set parameter", "tag"]


def test_snapshots_are_shared_with_accounts_and_groups_as_ec2_does() -> None:
    organization = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5"
    unit = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-11111111"
    launch, volumes = sharing(
        {
            "accounts": ["111122223333"],
            "organizations": [organization],
            "organizational_units": [unit],
            "groups": ["all"],
            "snapshots": True,
        }
    )
    assert launch == {
        ("UserId", "111122223333"),
        ("OrganizationArn", organization),
        ("OrganizationalUnitArn", unit),
        ("Group", "all"),
    }
    assert volumes == {("UserId", "111122223333"), ("Group", "all")}


@pytest.mark.parametrize("option", [None, {}, NOBODY, {**NOBODY, "snapshots": True}])
def test_nobody_is_nobody(option: dict[str, object] | None) -> None:
    assert sharing(option) == (frozenset(), frozenset())


def test_all_that_is_wrong_with_who_shares_is_told_at_once() -> None:
    with pytest.raises(
        Fault, match=r"'123' is no account.*Quote it.*'o-1' is no ARN of organizations: give one such as"
    ):
        sharing({**NOBODY, "accounts": ["123", "111122223333"], "organizations": ["o-1"]})


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-22T09:59:00Z"])
def test_a_time_that_ec2_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(Fault, match=f"deprecate_at: '?{text}'? is"):
        deprecation(text, NOW)


def test_no_time_is_none() -> None:
    assert deprecation(None, NOW) is None
    assert deprecation("", NOW) is None
    assert deprecation("2026-11-22T11:00:00+01:00", NOW - timedelta(hours=1)) == NOW
