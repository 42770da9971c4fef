# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retiring images, with an EC2 that notes what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils import _patiently
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_lifecycle import Image
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_retire import retire
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Ec2:
    """Refuses some calls with these codes, one after the other, by what they are and what they are about."""

    refusals: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def called(**arguments: Any) -> dict[str, Any]:
            about, *more = arguments.values()
            if name == "create_tags":
                more = [{tag["Key"].partition(":")[2]: tag["Value"] for tag in more[0]}]
            self.calls.append((name, (about, *more) if more else about))
            codes = self.refusals.get((name, about if isinstance(about, str) else about[0]))
            code = codes.pop(0) if codes else None
            if code:
                raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
            return {}

        return called


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_patiently, "time", Clock())


def image(number: int = 1, *snapshots: str, build: str = "B", state: str = "published") -> Image:
    return Image(f"ami-{number}", "web", ("web",), "1", build, state, "available", NOW, None, False, snapshots)  # noqa: FBT003


def test_deprecation_begins_as_soon_as_ec2_takes_it() -> None:
    client = Ec2()
    assert retire(client, [image(1), image(2)], "deprecate", NOW) == {}
    assert client.calls == [
        ("enable_image_deprecation", ("ami-1", "2026-11-22T12:02:00Z")),
        ("enable_image_deprecation", ("ami-2", "2026-11-22T12:02:00Z")),
    ]


def test_disabling_is_one_call_an_image() -> None:
    client = Ec2()
    assert retire(client, [image(1), image(2)], "disable", NOW) == {}
    assert client.calls == [("disable_image", "ami-1"), ("disable_image", "ami-2")]


def test_snapshots_are_marked_for_a_sweep_before_their_images_go() -> None:
    client = Ec2()
    assert retire(client, [image(1, "snap-1", "snap-2"), image(2, "snap-3")], "deregister", NOW) == {}
    marks = {"state": "candidate", "expires": "2026-11-22T12:00:00Z"}
    assert client.calls == [
        ("create_tags", (["snap-1", "snap-2", "snap-3"], marks)),
        ("deregister_image", "ami-1"),
        ("delete_snapshot", "snap-1"),
        ("delete_snapshot", "snap-2"),
        ("deregister_image", "ami-2"),
        ("delete_snapshot", "snap-3"),
    ]


def test_snapshots_that_no_build_made_are_not_marked() -> None:
    client = Ec2()
    assert retire(client, [image(1, "snap-1", build="")], "deregister", NOW) == {}
    assert [call for call, _about in client.calls] == ["deregister_image", "delete_snapshot"]


def test_nothing_is_deregistered_when_the_marks_are_refused() -> None:
    client = Ec2({("create_tags", "snap-1"): ["UnauthorizedOperation"]})
    with pytest.raises(AwsFault, match="ec2:create_tags is missing"):
        retire(client, [image(1, "snap-1")], "deregister", NOW)
    assert len(client.calls) == 1


@pytest.mark.parametrize("state", ["published", "verified"])
def test_image_that_stays_gets_the_marks_of_its_snapshots_back(state: str) -> None:
    client = Ec2({("deregister_image", "ami-1"): ["OperationNotPermitted"]})
    failed = retire(client, [image(1, "snap-1", state=state), image(2, "snap-2")], "deregister", NOW)
    assert failed == {"ami-1": "cannot deregister the image: OperationNotPermitted: no"}
    assert client.calls[2] == ("create_tags", (["snap-1"], {"state": state}))
    assert ("delete_snapshot", "snap-1") not in client.calls
    assert ("delete_snapshot", "snap-2") in client.calls


def test_snapshot_that_is_released_a_moment_later_goes() -> None:
    client = Ec2({("delete_snapshot", "snap-1"): ["InvalidSnapshot.InUse"] * 3})
    assert retire(client, [image(1, "snap-1")], "deregister", NOW) == {}
    assert [call for call, _about in client.calls].count("delete_snapshot") == 4


def test_snapshot_that_another_image_uses_stays_and_is_not_swept() -> None:
    client = Ec2({("delete_snapshot", "snap-1"): ["InvalidSnapshot.InUse"] * 999})
    assert retire(client, [image(1, "snap-1", "snap-2")], "deregister", NOW) == {}
    assert ("create_tags", (["snap-1"], {"state": "published"})) in client.calls
    assert client.calls[-1] == ("delete_snapshot", "snap-2")


def test_snapshot_that_cannot_be_deleted_is_told_of_after_the_others() -> None:
    client = Ec2({("delete_snapshot", "snap-1"): ["UnauthorizedOperation"]})
    failed = retire(client, [image(1, "snap-1", "snap-2")], "deregister", NOW)
    assert failed["ami-1"].startswith(
        "it is deregistered, but snapshot snap-1: cannot delete the snapshot: the permission"
    )
    assert client.calls[-1] == ("delete_snapshot", "snap-2")


@pytest.mark.parametrize("action", ["deprecate", "disable", "deregister"])
def test_image_that_is_gone_meanwhile_is_as_good_as_retired(action: str) -> None:
    calls = ("enable_image_deprecation", "disable_image", "deregister_image")
    client = Ec2({(call, "ami-1"): ["InvalidAMIID.Unavailable"] for call in calls})
    assert retire(client, [image(1, "snap-1")], action, NOW) == {}
