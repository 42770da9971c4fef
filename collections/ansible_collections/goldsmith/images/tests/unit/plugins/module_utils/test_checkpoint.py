# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkpoint's tags hold is read again, and decides what is taken."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils import _checkpoint_store
from ansible_collections.goldsmith.images.plugins.module_utils._aws import tag_list
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint import (
    CHARACTERS,
    TAG_ARCHIVES,
    TAG_CHAIN,
    TAG_KEY,
    TAGS,
    checkpoint,
    short,
    tags,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import Layer, judge, root

ABOUT = {"build_id": "20261122T070000-0a1b2c3d", "image_name": "web", "platform": "debian-12"}
LINE = "deb http://deb.example/debian bookworm main"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def layers(*values: str, keep: int = 0) -> list[Layer]:
    """Return layers of which one is kept for itself: that of the number."""
    return [
        Layer(number, f"l{number}", {"variable:x": value, "platform": "debian-12"}, keep=number == keep)
        for number, value in enumerate(values, start=1)
    ]


def judged(*values: str, keep: int = 0, there: Any = (), base: str = "ami-1") -> list[Any]:
    known = [trace for one in there for trace in one.traces]
    return judge(root(base, {}), layers(*values, keep=keep), known, {}, short)


def kept(*values: str, archives: dict[str, str] | None = None, own: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the image that is kept of the last of layers, as EC2 describes it."""
    verdicts = judged(*values, keep=len(values))
    given = [{**one.as_dict(), "ingredients": one.layer.ingredients} for one in verdicts]
    return {
        "ImageId": "ami-2",
        "State": "available",
        "CreationDate": "2026-11-22T07:00:00.000Z",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 8}}],
        "Tags": tag_list(tags(given, archives or {}, ABOUT, own or {})),
    }


def told(verdicts: list[Any]) -> list[tuple[str, str]]:
    return [(one.cache, one.reason) for one in verdicts]


NOT_KEPT = "there is no checkpoint of it, nor of a layer above it"


def test_a_checkpoint_holds_the_layers_below_it() -> None:
    there = [checkpoint(kept("a", "b"))]
    assert told(judged("a", "b", "c", keep=2, there=there)) == [("hit", ""), ("hit", ""), ("off", NOT_KEPT)]
    assert told(judged("a", "b", "c", keep=3, there=there))[2] == ("miss", "it is not in the cache yet")


def test_what_differs_in_a_layer_below_it_is_told() -> None:
    there = [checkpoint(kept("a", "b"))]
    assert told(judged("x", "b", keep=2, there=there)) == [
        ("off", "variable x changed"),
        ("miss", "layer l1 below it runs"),
    ]
    assert told(judged("a", "x", keep=2, there=there)) == [("off", NOT_KEPT), ("miss", "layer l1 below it runs")]
    assert told(judged("a", keep=1, there=there)) == [("miss", "it is not in the cache any more")]
    assert told(judged("a", "b", keep=2, there=there, base="ami-9"))[0] == ("off", "what it stands on changed")


@given(st.dictionaries(st.text("abc:/.", min_size=1, max_size=40), st.just(digest("x")), max_size=12))
def test_archives_are_read_again_as_they_were(archives: dict[str, str]) -> None:
    found = checkpoint(kept("a", archives=archives))
    assert found.archives == archives
    assert (found.snapshots, found.size, found.image) == (("snap-1",), 8 << 30, "web")


def test_a_checkpoint_whose_archives_cannot_be_read_is_no_hit() -> None:
    image = kept("a", archives={LINE: digest("a")})
    image["Tags"] = [one for one in image["Tags"] if one["Key"] != f"{TAG_ARCHIVES}.0"]
    assert checkpoint(image).key == ""


def test_a_tag_holds_what_ec2_allows_and_long_explanations_are_left_out() -> None:
    verdict = judged("a", keep=1)[0]
    many = {f"file:tasks/{digest(str(number))}.yml": digest(str(number)) for number in range(400)}
    given = [{**verdict.as_dict(), "name": "n" * 300, "ingredients": many}]
    found = tags(given, {LINE: digest("a")}, ABOUT, {f"team{number}": "x" for number in range(20)})
    assert len(found) <= TAGS
    assert max(map(len, found.values())) <= CHARACTERS
    assert not [key for key in found if key.startswith(TAG_CHAIN)]
    assert found[TAG_KEY] == verdict.key
    with pytest.raises(Fault, match=r"give targets\.ec2\.tags less"):
        tags(given, {}, ABOUT, {f"team{number}": "x" for number in range(45)})


def test_a_checkpoint_that_is_still_being_made_is_not_taken_and_told_of() -> None:
    given = [{"number": one.number, "name": one.name, "ingredients": one.ingredients} for one in layers("a")]
    image = kept("a")
    client = Found(image)
    assert _checkpoint_store.look_up(client, "ami-1", given, {})[1] is not None
    image["State"] = "pending"
    verdicts, found = _checkpoint_store.look_up(client, "ami-1", given, {})
    assert (told(verdicts), found) == ([("miss", "its checkpoint is still being made")], None)


class Found:
    """EC2 with an image that is found."""

    def __init__(self, image: dict[str, Any]) -> None:
        self.image = image

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_images"
        return self

    def paginate(self, **asked: Any) -> Any:
        assert asked["Owners"] == ["self"]
        yield {"Images": [self.image]}


class Client:
    """EC2 that shows an image as it is told, one state after the other."""

    def __init__(self, *shown: dict[str, Any]) -> None:
        self.shown = list(shown)
        self.calls: list[str] = []

    def create_image(self, **asked: Any) -> dict[str, str]:
        self.calls.append("CreateImage")
        assert asked["NoReboot"]
        assert {one["ResourceType"] for one in asked["TagSpecifications"]} == {"image", "snapshot"}
        return {"ImageId": "ami-2"}

    def describe_images(self, **_asked: Any) -> dict[str, Any]:
        self.calls.append("DescribeImages")
        return {"Images": [{"ImageId": "ami-2", **self.shown.pop(0)}]}

    def deregister_image(self, **_asked: Any) -> None:
        self.calls.append("DeregisterImage")

    def delete_snapshot(self, SnapshotId: str) -> None:  # noqa: N803
        self.calls.append(f"DeleteSnapshot {SnapshotId}")


def devices(*snapshots: str) -> list[dict[str, Any]]:
    return [{"Ebs": {"SnapshotId": one} if one else {}} for one in snapshots]


@pytest.fixture
def marks() -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in kept("a")["Tags"]}


def test_what_a_checkpoint_holds_is_decided_when_all_its_snapshots_have_begun(marks: dict[str, str]) -> None:
    client = Client(
        {"State": "pending"},
        {"State": "pending", "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}, {"Ebs": {"VolumeSize": 1}}]},
        {"State": "pending", "BlockDeviceMappings": devices("snap-1", "snap-2")},
    )
    assert _checkpoint_store.keep(client, "i-1", marks, 60) == "ami-2"
    assert client.shown == []


def test_nothing_is_left_of_a_checkpoint_that_has_failed(marks: dict[str, str]) -> None:
    reason = {"StateReason": {"Message": "Client.InternalError"}}
    client = Client({"State": "failed", "BlockDeviceMappings": devices("snap-1"), **reason})
    with pytest.raises(Fault, match=r"the checkpoint is failed.*Client\.InternalError"):
        _checkpoint_store.keep(client, "i-1", marks, 60)
    assert client.calls[2:] == ["DeregisterImage", "DeleteSnapshot snap-1"]


def test_a_checkpoint_that_does_not_begin_in_time_is_given_up(marks: dict[str, str]) -> None:
    client = Client({"State": "pending"})
    with pytest.raises(Fault, match="have not begun after 0 s"):
        _checkpoint_store.keep(client, "i-1", marks, 0)
    assert client.calls[2:] == ["DeregisterImage"]
