# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images are retired, and why the others stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_lifecycle import Image, Verdict, image_of, judge
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 86400


def image(days: float = 1, name: str = "", **more: Any) -> Image:
    """An image of web, this many days old."""
    facts: dict[str, Any] = {
        "id": name or f"ami-{days:g}",
        "name": f"web-{days:g}",
        "series": ("web", "x86_64", "web"),
        "version": f"{days:g}",
        "build": "20261122T070000-0a1b2c3d",
        "state": "published",
        "status": "available",
        "created": NOW - timedelta(days=days),
        "deprecated": None,
        "protected": False,
        "snapshots": ("snap-1",),
    }
    return Image(**{**facts, **more})


def judged(images: list[Image], action: str = "deregister", **limits: Any) -> list[Verdict]:
    return judge(images, action, **{"keep": 1, "older_than": None, "now": NOW, **limits})


def reasons(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.image.id: verdict.reason for verdict in verdicts}


def going(verdicts: list[Verdict]) -> list[str]:
    return [verdict.image.id for verdict in verdicts if verdict.goes]


def test_all_but_the_newest_go() -> None:
    verdicts = judged([image(3), image(1), image(2)])
    assert reasons(verdicts) == {
        "ami-1": "it is the newest",
        "ami-2": "it is not the newest",
        "ami-3": "it is not the newest",
    }
    assert going(verdicts) == ["ami-2", "ami-3"]


def test_as_many_as_asked_for_stay_and_the_rest_goes_by_age() -> None:
    verdicts = judged([image(day) for day in (1, 2, 20, 40)], keep=2, older_than=30 * DAY)
    assert reasons(verdicts) == {
        "ami-1": "it is one of the 2 newest",
        "ami-2": "it is one of the 2 newest",
        "ami-20": "it is not older than 30 days",
        "ami-40": "it is not among the 2 newest, and is older than 30 days",
    }
    assert going(verdicts) == ["ami-40"]


@pytest.mark.parametrize(("older_than", "words"), [(DAY, "1 day"), (7200, "2 hours"), (90, "90 s"), (60, "1 minute")])
def test_age_is_told_in_the_largest_unit_that_fits(older_than: int, words: str) -> None:
    verdicts = judged([image(1), image(40)], older_than=older_than)
    assert verdicts[1].reason == f"it is not the newest, and is older than {words}"


def test_image_that_is_exactly_that_old_goes() -> None:
    assert going(judged([image(1), image(30)], older_than=30 * DAY)) == ["ami-30"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"state": "candidate"}, "its build has not published it: ec2_sweep removes it when it has expired"),
        (
            {"state": "candidate", "status": "pending"},
            "its build has not published it: ec2_sweep removes it when it has expired",
        ),
        ({"status": "pending"}, "it is pending"),
        ({"status": "failed"}, "it is failed"),
        ({"protected": True}, "it is protected from deregistration"),
    ],
)
@pytest.mark.parametrize("action", ["deprecate", "disable", "deregister"])
def test_old_image_that_stays_all_the_same(action: str, facts: dict[str, Any], reason: str) -> None:
    verdicts = judged([image(1), image(9, **facts)], action)
    assert going(verdicts) == []
    assert reasons(verdicts)["ami-9"] == reason


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        (["instance i-1"], "it is used by instance i-1"),
        (["instance i-1", "instance i-2", "launch template web version 3"], "it is used by instance i-1 and 2 more"),
    ],
)
def test_image_that_is_used_stays_and_its_users_are_told(users: list[str], reason: str) -> None:
    verdicts = judged([image(1), image(9)], used={"ami-9": users})
    assert (verdicts[1].goes, verdicts[1].reason, verdicts[1].used_by) == (False, reason, tuple(users))


def test_unfinished_and_disabled_images_do_not_push_out_the_one_in_use() -> None:
    newer = [
        image(1, state="candidate", status="pending"),
        image(2, state="candidate"),
        image(3, state="verified"),
        image(4, status="disabled"),
    ]
    verdicts = judged([*newer, image(5), image(6)])
    assert going(verdicts) == ["ami-6"]
    assert [verdict.reason for verdict in verdicts[:4]] == ["it is newer than the one to keep"] * 4
    assert verdicts[4].reason == "it is the newest"


def test_verified_and_disabled_images_that_newer_ones_replace_go() -> None:
    verdicts = judged([image(1), image(2, state="verified"), image(3, status="disabled")])
    assert going(verdicts) == ["ami-2", "ami-3"]


@pytest.mark.parametrize(
    ("action", "facts", "reason"),
    [
        ("deprecate", {"deprecated": NOW - timedelta(days=1)}, "it is deprecated already"),
        ("deprecate", {"deprecated": NOW + timedelta(minutes=2)}, "it is deprecated already"),
        ("disable", {"status": "disabled"}, "it is disabled already"),
    ],
)
def test_what_is_done_already_is_not_done_again(action: str, facts: dict[str, Any], reason: str) -> None:
    verdicts = judged([image(1), image(9, **facts)], action)
    assert (verdicts[1].goes, verdicts[1].reason) == (False, reason)


def test_deprecation_that_is_due_later_is_brought_forward() -> None:
    assert going(judged([image(1), image(9, deprecated=NOW + timedelta(days=9))], "deprecate")) == ["ami-9"]


def test_each_series_keeps_its_own_newest() -> None:
    arm = {"series": ("web", "arm64", "web")}
    verdicts = judged([image(1), image(2), image(8, "arm-8", **arm), image(9, "arm-9", **arm)])
    assert sorted(going(verdicts)) == ["ami-2", "arm-9"]


def test_of_two_that_are_equally_old_the_earlier_build_goes() -> None:
    two = [image(1, "ami-a", build="20261122T070001-0"), image(1, "ami-b", build="20261122T070000-1")]
    assert going(judged(two)) == going(judged(two[::-1])) == ["ami-b"]


def test_of_two_that_nothing_else_tells_apart_the_same_one_goes_each_time() -> None:
    two = [image(1, "ami-a"), image(1, "ami-b")]
    assert going(judged(two)) == going(judged(two[::-1])) == ["ami-a"]


images = st.builds(
    image,
    days=st.integers(0, 60),
    name=st.uuids().map(str),
    state=st.sampled_from(["published", "candidate", "verified", ""]),
    status=st.sampled_from(["available", "disabled", "pending"]),
    series=st.sampled_from([("web",), ("db",)]),
    protected=st.booleans(),
)


@given(
    st.lists(images, max_size=12),
    st.sampled_from(["deprecate", "disable", "deregister"]),
    st.integers(1, 4),
    st.none() | st.integers(0, 60 * DAY),
    st.data(),
)
def test_whatever_there_is_the_newest_stay_and_what_is_used_stays(
    found: list[Image], action: str, keep: int, older_than: int | None, data: st.DataObject
) -> None:
    used = {one.id: ["instance i-1"] for one in found if data.draw(st.booleans())}
    verdicts = judged(found, action, keep=keep, older_than=older_than, used=used)
    assert sorted(verdict.image.id for verdict in verdicts) == sorted(one.id for one in found)
    for verdict in verdicts:
        assert verdict.reason
        if verdict.goes:
            one = verdict.image
            assert one.id not in used
            assert not one.protected
            assert one.state != "candidate"
            assert older_than is None or one.created <= NOW - timedelta(seconds=older_than)
            newer = [
                other
                for other in found
                if other.series == one.series
                and (other.created, other.id) > (one.created, one.id)
                and other.status == "available"
                and other.state in ("published", "")
            ]
            assert len(newer) >= keep


@given(st.lists(images, max_size=12), st.integers(1, 4))
def test_keeping_more_never_takes_more(found: list[Image], keep: int) -> None:
    assert set(going(judged(found, keep=keep + 1))) <= set(going(judged(found, keep=keep)))


def described(name: str = "web-debian-12-7-B", **more: Any) -> dict[str, Any]:
    tags = {"goldsmith:name": "web", "goldsmith:version": "7", "goldsmith:build": "B", **more.pop("tags", {})}
    return {
        "ImageId": "ami-1",
        "Name": name,
        "State": "available",
        "Architecture": "x86_64",
        "CreationDate": "2026-11-22T07:01:12.000Z",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items() if value],
        **more,
    }


def test_image_is_read_from_its_description() -> None:
    devices = [
        {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1"}},
        {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/xvdc", "Ebs": {"VolumeSize": 8}},
    ]
    more = {
        "BlockDeviceMappings": devices,
        "DeprecationTime": "2027-05-01T00:00:00.000Z",
        "DeregistrationProtection": "enabled-with-cooldown",
    }
    assert image_of(described(**more, tags={"goldsmith:state": "published"})) == Image(
        id="ami-1",
        name="web-debian-12-7-B",
        series=("web", "x86_64", "web-debian-12"),
        version="7",
        build="B",
        state="published",
        status="available",
        created=datetime(2026, 11, 22, 7, 1, 12, tzinfo=UTC),
        deprecated=datetime(2027, 5, 1, tzinfo=UTC),
        protected=True,
        snapshots=("snap-1",),
    )


@pytest.mark.parametrize("protection", [None, "disabled"])
def test_image_without_protection(protection: str | None) -> None:
    assert not image_of(described(DeregistrationProtection=protection)).protected


@pytest.mark.parametrize(
    ("name", "version", "other", "other_version"),
    [
        ("web-debian-12-7-B", "7", "web-debian-12-8-B", "8"),
        ("web-debian-12-12-B", "12", "web-debian-12-13-B", "13"),
        ("web 1.4 (B)", "1.4", "web 1.5 (B)", "1.5"),
        ("web-debian-12-1.4-rc1-B", "1.4+rc1", "web-debian-12-1.5-B", "1.5"),
    ],
)
def test_versions_of_one_thing_are_one_series(name: str, version: str, other: str, other_version: str) -> None:
    first = image_of(described(name, tags={"goldsmith:version": version}))
    second = image_of(described(other, tags={"goldsmith:version": other_version}))
    assert first.series == second.series


@pytest.mark.parametrize(
    "other",
    [
        described("web-debian-13-7-B"),
        described(Architecture="arm64"),
        described(tags={"goldsmith:name": "db"}),
        described("web-debian-7-12-B"),
    ],
)
def test_another_platform_or_architecture_is_another_series(other: dict[str, Any]) -> None:
    assert image_of(other).series != image_of(described()).series


def test_images_that_were_not_built_here_are_one_series() -> None:
    nameless = {"goldsmith:name": ""}
    assert image_of(described("a", tags=nameless)).series == image_of(described("b", tags=nameless)).series


def test_image_without_a_date_is_the_oldest() -> None:
    assert image_of(described(CreationDate="")).created < image_of(described()).created


def test_of_images_that_were_named_none_is_kept_for_being_new() -> None:
    assert reasons(judged([image(1), image(2, protected=True)], keep=0)) == {
        "ami-1": "it was named",
        "ami-2": "it is protected from deregistration",
    }
