# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a machine away: what is looked for and where, what is told, and what is kept when something stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_release
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_leftovers import Leftover, Refusal
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_release import Released, release, undo
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes

AWS: Any = SimpleNamespace(region="eu-west-1")
WANTED: Any = SimpleNamespace(build_id="b", role="builder")
MACHINE = ("instance", "i-1", "builder")
ROLE = ("role", "goldsmith-b", "builder")


class World:
    """What tags tell of, what stands in the way, and what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tagged: list[Leftover] = []
        self.refused: list[Refusal] = []
        self.held: set[str] = set()
        self.searched: list[dict[str, Any]] = []
        self.removed: list[Leftover] = []
        for name in ("search", "remove", "inspect"):
            monkeypatch.setattr(_ec2_release, name, getattr(self, name))

    def search(
        self, _aws: Any, regions: Sequence[str], builds: Sequence[str], **asked: Any
    ) -> tuple[list[Leftover], list[Refusal]]:
        assert (regions, builds, asked["expired"]) == (["eu-west-1"], ["b"], False)
        self.searched.append(asked)
        return [*asked["known"], *self.tagged], self.refused

    def remove(
        self, _aws: Any, leftovers: Collection[Leftover], _timeout: float
    ) -> tuple[list[Leftover], list[Leftover]]:
        self.removed = [one for one in leftovers if one.id not in self.held]
        return self.removed, [one for one in leftovers if one.id in self.held]

    def inspect(self, _aws: Any, leftovers: list[Leftover]) -> list[Leftover]:
        return leftovers

    def gone(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.id, one.region) for one in self.removed]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def keepsakes(tmp_path: Path) -> Keepsakes:
    return Keepsakes("b", tmp_path)


def free(keepsakes: Keepsakes, role: str | None = None, *, dry: bool = False) -> Released:
    return release(AWS, "b", role, keepsakes, timeout=60, dry=dry)


def give_up(keepsakes: Keepsakes, *, whole: bool = True, unanswered: bool = False) -> str:
    return undo(AWS, WANTED, keepsakes, 60, whole=whole, unanswered=unanswered)


def test_what_is_noted_goes_though_no_tag_tells_of_it_yet(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(resources=[MACHINE])

    released = free(keepsakes)

    assert world.gone() == [("instance", "i-1", "eu-west-1")]
    assert [one.id for one in released.removed] == ["i-1"]
    assert not keepsakes.there


def test_images_are_never_looked_for(world: World, keepsakes: Keepsakes) -> None:
    free(keepsakes)

    assert {"image", "snapshot"}.isdisjoint(world.searched[0]["kinds"])


def test_iam_is_asked_only_where_something_may_be_in_it(world: World, keepsakes: Keepsakes) -> None:
    free(keepsakes)
    keepsakes.remember(resources=[MACHINE])
    free(keepsakes)
    keepsakes.remember(resources=[MACHINE, ROLE])
    free(keepsakes)

    assert ["role" in asked["kinds"] for asked in world.searched] == [True, False, True]
    assert world.gone()[1] == ("role", "goldsmith-b", "")


def test_iam_may_refuse_where_nothing_is_known_to_be_in_it(world: World, keepsakes: Keepsakes) -> None:
    world.refused = [Refusal("iam", "the permission iam:ListRoles is missing")]

    free(keepsakes)
    keepsakes.remember(resources=[ROLE])
    with pytest.raises(Fault, match="iam:ListRoles"):
        free(keepsakes)


def test_region_that_cannot_be_searched_is_a_fault_and_nothing_is_forgotten(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(resources=[MACHINE])
    world.refused = [Refusal("eu-west-1", "the session has expired")]

    with pytest.raises(Fault, match="expired"):
        free(keepsakes)

    assert keepsakes.resources == [MACHINE]


def test_what_is_held_is_told_and_kept_in_mind_with_the_key(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(keepsakes.key, [MACHINE, ("security_group", "sg-1", "builder")])
    world.held = {"sg-1"}

    released = free(keepsakes)

    assert [one.id for one in released.failed] == ["sg-1"]
    assert released.key_file == ""
    assert keepsakes.resources == [("security_group", "sg-1", "builder")]
    assert keepsakes.made_key == keepsakes.key


def test_release_of_one_role_leaves_the_other_and_the_key(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(keepsakes.key, [MACHINE, ("instance", "i-2", "verify")])

    released = free(keepsakes, "verify")

    assert [one.id for one in released.removed] == ["i-2"]
    assert released.key_file == ""
    assert keepsakes.resources == [MACHINE]


def test_dry_run_tells_and_removes_nothing(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(keepsakes.key, [MACHINE])

    released = free(keepsakes, dry=True)

    assert [one.id for one in released.removed] == ["i-1"]
    assert released.key_file == str(keepsakes.key)
    assert world.removed == []
    assert keepsakes.there


def test_undoing_asks_for_tags_only_after_a_call_that_was_not_answered(world: World, keepsakes: Keepsakes) -> None:
    world.tagged = [Leftover("instance", "i-lost")]
    keepsakes.remember(resources=[("key_pair", "key-1", "builder")])

    assert give_up(keepsakes, whole=False) == ""
    assert world.searched == []
    give_up(keepsakes, unanswered=True)

    assert [one.id for one in world.removed] == ["i-lost"]
    assert world.searched[0]["role"] == "builder"


def test_undoing_leaves_what_belongs_to_another_machine_of_the_build(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(resources=[MACHINE, ("instance", "i-2", "verify")])

    give_up(keepsakes, whole=False)

    assert [one.id for one in world.removed] == ["i-1"]
    assert keepsakes.resources == [("instance", "i-2", "verify")]


def test_undoing_tells_what_it_could_not(world: World, keepsakes: Keepsakes) -> None:
    keepsakes.remember(resources=[MACHINE])
    world.held = {"i-1"}

    assert "ec2_sweep finds it by its tags:\n  instance i-1" in give_up(keepsakes)
    assert keepsakes.resources == [MACHINE]


def test_undoing_goes_on_where_tags_cannot_be_had(
    world: World, keepsakes: Keepsakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Fault("no")

    monkeypatch.setattr(_ec2_release, "search", refuse)
    keepsakes.remember(resources=[MACHINE])

    assert give_up(keepsakes, unanswered=True) == ""
    assert [one.id for one in world.removed] == ["i-1"]
    assert not keepsakes.there
