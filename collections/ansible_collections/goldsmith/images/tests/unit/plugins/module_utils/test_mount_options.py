"""_mount_options: the table keeps all but what is wanted, and what is mounted now is remounted."""

from __future__ import annotations

from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._mount_options import MountOptions
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import Mount

FSTAB = "# disks\nUUID=1 / ext4 errors=remount-ro 0 1\nUUID=2\t/var\text4\tdefaults,exec,suid\t0 2\n"
VAR = Mount("/var", "UUID=2", "ext4", ("defaults", "exec", "suid"))


def item(path: str, *options: str, **given: Any) -> dict[str, Any]:
    return {
        "path": path,
        "options": list(options),
        "source": None,
        "type": None,
        "present": False,
        "control": path,
    } | given


def held(*items: dict[str, Any], mounted: tuple[Mount, ...] = ()) -> MountOptions:
    return MountOptions(items, FSTAB, [VAR], mounted)


def test_options_are_added_and_their_opposites_go() -> None:
    found = held(item("/var", "nodev", "nosuid"))
    assert found.fstab == FSTAB.replace("defaults,exec,suid", "defaults,exec,nodev,nosuid")
    assert [outcome.status for outcome in found.outcomes()] == ["changed"]


def test_options_of_several_items_add_up_and_each_is_told_of() -> None:
    found = held(item("/var", "nodev"), item("/var", "exec"))
    assert "defaults,exec,suid,nodev" in found.fstab
    assert [outcome.status for outcome in found.outcomes()] == ["changed", "compliant"]


def test_what_is_no_file_system_is_left_alone() -> None:
    found = held(item("/home", "nodev"), item("/home", present=True))
    assert found.fstab == FSTAB
    assert [outcome.status for outcome in found.outcomes()] == ["not_applicable", "failed"]


def test_a_file_system_in_memory_is_added_for_the_next_boot() -> None:
    wanted = item("/tmp", "mode=1777", source="tmpfs", type="tmpfs"), item("/tmp", "nodev")
    found = held(*wanted)
    assert found.fstab == f"{FSTAB}tmpfs /tmp tmpfs mode=1777,nodev 0 0\n"
    assert not found.remounts
    assert "next boot" in found.outcomes()[0].message
    again = MountOptions(wanted, found.fstab, [Mount("/tmp", "tmpfs", "tmpfs", ("mode=1777", "nodev"))], [])
    assert again.fstab == found.fstab
    assert {outcome.status for outcome in again.outcomes()} == {"compliant"}


def test_what_a_unit_mounts_gets_a_line_and_is_remounted() -> None:
    found = held(item("/tmp", "noexec"), mounted=(Mount("/tmp", "tmpfs", "tmpfs", ("rw", "nodev")),))
    assert found.fstab.endswith("tmpfs /tmp tmpfs noexec 0 0\n")
    assert found.remounts == {"/tmp": ["noexec"]}


def test_a_remount_that_is_refused_is_told() -> None:
    found = held(item("/var", "nodev"), mounted=(VAR,))
    found.remount(lambda path, options: f"{path} is busy")
    assert [(one.status, one.message) for one in found.outcomes()] == [("failed", "remounting failed: /var is busy")]
