# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tags of a resource decide: whether a sweep takes it, and in which order."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import (
    EC2_KINDS,
    KINDS,
    Leftover,
    Resource,
    in_order,
    leftover,
    resources,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUILD = "20261122T070000-0a1b2c3d"
PAST, FUTURE = stamp(NOW - timedelta(hours=1)), stamp(NOW + timedelta(hours=1))


def resource(kind: str = "instance", **tags: str) -> Resource:
    return Resource(kind, f"{kind}-1", "eu-west-1", {f"goldsmith:{key}": value for key, value in tags.items()})


def reason(found: Leftover | None) -> str:
    return found.reason if found else ""


def row(kind: str, name: str, key: str, value: str) -> dict[str, str]:
    return {"ResourceType": kind, "ResourceId": name, "Key": key, "Value": value}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("image", "snapshot")])
def test_everything_temporary_of_a_build_that_is_swept_goes(kind: str) -> None:
    found = leftover(resource(kind, build=BUILD, expires=FUTURE), [BUILD], expired=False, now=NOW)
    assert found == Leftover(kind, f"{kind}-1", "", "eu-west-1", BUILD, FUTURE, "its build is to be swept")


@pytest.mark.parametrize("kind", ["image", "snapshot"])
@pytest.mark.parametrize(("state", "goes"), [("candidate", True), ("verified", False), ("published", False)])
def test_image_and_its_snapshots_go_only_as_a_candidate(kind: str, state: str, goes: bool) -> None:
    mine = resource(kind, build=BUILD, state=state, expires=PAST)
    assert bool(leftover(mine, [BUILD], expired=False, now=NOW)) is goes
    assert bool(leftover(mine, [], expired=True, now=NOW)) is goes


def test_image_that_says_nothing_of_its_state_stays() -> None:
    assert leftover(resource("image", build=BUILD, expires=PAST), [BUILD], expired=True, now=NOW) is None


@pytest.mark.parametrize(
    ("expires", "expired", "goes"),
    [
        (PAST, True, True),
        (stamp(NOW), True, True),
        (FUTURE, True, False),
        (PAST, False, False),
        ("", True, False),
        ("soon", True, False),
    ],
)
def test_what_is_past_its_expiry_goes_whichever_build_it_is_of(expires: str, expired: bool, goes: bool) -> None:
    found = leftover(resource(build="another", expires=expires), [BUILD], expired=expired, now=NOW)
    assert reason(found) == ("it has expired" if goes else "")


def test_what_no_build_made_stays_however_it_is_tagged() -> None:
    assert leftover(resource(expires=PAST, role="builder"), [BUILD, ""], expired=True, now=NOW) is None
    assert leftover(resource(build="", expires=PAST), [BUILD, ""], expired=True, now=NOW) is None


@pytest.mark.parametrize(("role", "goes"), [("verify", True), ("builder", False), ("artifact", False)])
def test_role_narrows_it_down(role: str, goes: bool) -> None:
    assert bool(leftover(resource(build=BUILD, role=role), [BUILD], expired=False, now=NOW, role="verify")) is goes


def test_build_is_matched_by_its_whole_id() -> None:
    assert leftover(resource(build=BUILD), ["*", BUILD[:-1], f"{BUILD}0"], expired=False, now=NOW) is None


def test_rows_of_tags_become_resources() -> None:
    rows = [
        row("instance", "i-1", "goldsmith:build", BUILD),
        row("key-pair", "key-1", "goldsmith:build", BUILD),
        row("instance", "i-1", "Name", "web"),
        row("vpc", "vpc-1", "goldsmith:build", BUILD),
        row("spot-instances-request", "sir-1", "goldsmith:build", BUILD),
    ]
    assert resources(rows, "eu-west-1") == [
        Resource("instance", "i-1", "eu-west-1", {"goldsmith:build": BUILD, "Name": "web"}),
        Resource("key_pair", "key-1", "eu-west-1", {"goldsmith:build": BUILD}),
        Resource("spot_request", "sir-1", "eu-west-1", {"goldsmith:build": BUILD}),
    ]


leftovers = st.builds(
    Leftover,
    kind=st.sampled_from(KINDS),
    id=st.sampled_from(["a", "b", "c"]),
    region=st.sampled_from(["eu-west-1", "us-east-1"]),
    reason=st.sampled_from(["found", "known"]),
)


@given(st.lists(leftovers))
def test_order_puts_what_holds_before_what_is_held_and_names_each_once(found: list[Leftover]) -> None:
    ordered = in_order(found)
    kinds = [KINDS.index(one.kind) for one in ordered]
    identities = [(one.region, one.kind, one.id) for one in ordered]
    assert kinds == sorted(kinds)
    assert len(set(identities)) == len(identities)
    assert set(identities) == {(one.region, one.kind, one.id) for one in found}
    assert all(one in found for one in ordered)
    assert in_order(ordered) == ordered
    assert in_order(reversed(ordered)) == ordered


HOLDS = [
    ("instance", "volume"),
    ("instance", "network_interface"),
    ("instance", "security_group"),
    ("instance", "key_pair"),
    ("instance", "instance_profile"),
    ("network_interface", "security_group"),
    ("image", "snapshot"),
    ("instance_profile", "role"),
]


@pytest.mark.parametrize(("holder", "held"), HOLDS)
def test_kinds_stand_in_the_order_in_which_ec2_lets_them_go(holder: str, held: str) -> None:
    assert KINDS.index(holder) < KINDS.index(held)


tags = st.fixed_dictionaries(
    {},
    optional={
        "build": st.sampled_from([BUILD, "another"]),
        "role": st.sampled_from(["builder", "verify", "artifact"]),
        "state": st.sampled_from(["candidate", "verified", "published", "?"]),
        "expires": st.sampled_from([PAST, FUTURE, "soon"]),
    },
)


@given(st.sampled_from(KINDS), tags, st.booleans(), st.sampled_from([None, "builder", "verify"]))
def test_sweep_never_takes_more_than_it_was_asked_for(
    kind: str, found: dict[str, str], expired: bool, role: str | None
) -> None:
    one = leftover(resource(kind, **found), [BUILD], expired=expired, now=NOW, role=role)
    if one is None:
        return
    assert found["build"] == BUILD or (expired and found["expires"] == PAST)
    assert role is None or found["role"] == role
    assert kind not in ("image", "snapshot") or found["state"] == "candidate"


@given(st.sampled_from(EC2_KINDS), tags)
def test_more_time_and_more_builds_never_spare_what_goes(kind: str, found: dict[str, str]) -> None:
    mine = resource(kind, **found)
    for builds, expired in itertools.product(([], [BUILD]), (False, True)):
        if leftover(mine, builds, expired=expired, now=NOW):
            assert leftover(mine, [BUILD, "another"], expired=True, now=NOW + timedelta(days=1))
