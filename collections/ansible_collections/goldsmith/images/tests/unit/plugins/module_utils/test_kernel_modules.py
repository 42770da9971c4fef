# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules that are kept out: the file that forbids them, and those that are loaded now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._kernel_modules import (
    KeptOut,
    Kernel,
    forbidden,
    without,
)

OURS = "/etc/modprobe.d/90-goldsmith.conf"
NOWHERE = Path("/nonexistent")


def items(*names: str) -> list[dict[str, str | None]]:
    return [{"name": name, "control": f"no {name}"} for name in names]


def kept_out(drafts: Drafts, *names: str, kernel: Kernel | None = None) -> KeptOut:
    kept = KeptOut(items(*names), OURS, drafts, kernel or Kernel(NOWHERE, live=False))
    kept.draft()
    return kept


def statuses(kept: KeptOut) -> list[str]:
    return [outcome.status for outcome in kept.outcomes()]


def machine(
    root: Path, *, loaded: str = "", dep: str = "", builtin: str = "", release: str = os.uname().release
) -> Path:
    folder = root / "lib/modules" / release
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text("".join(f"kernel/fs/{name}.ko.xz: kernel/x.ko\n" for name in dep.split()))
    (folder / "modules.builtin").write_text("".join(f"kernel/fs/{name}.ko\n" for name in builtin.split()))
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/modules").write_text(loaded)
    return root


def test_the_file_is_sorted_whole_and_forbids_in_both_ways() -> None:
    drafts = Drafts(NOWHERE)
    drafts.write(OURS, "install old /bin/false\n")
    assert statuses(kept_out(drafts, "usb-storage", "cramfs")) == ["changed", "changed"]
    assert (drafts.read(OURS) or "").splitlines()[1:] == [
        "install cramfs /bin/false",
        "blacklist cramfs",
        "install usb-storage /bin/false",
        "blacklist usb-storage",
    ]
    again = kept_out(drafts, "usb_storage", "cramfs")
    assert [outcome.row() for outcome in again.outcomes()] == [
        {"control": "no usb_storage", "item": "usb_storage", "status": "compliant", "message": ""},
        {"control": "no cramfs", "item": "cramfs", "status": "compliant", "message": ""},
    ]


def test_one_module_of_several_controls_stands_there_once() -> None:
    drafts = Drafts(NOWHERE)
    assert statuses(kept_out(drafts, "usb-storage", "usb_storage")) == ["changed", "changed"]
    assert (drafts.read(OURS) or "").count("blacklist") == 1


def test_nothing_wanted_leaves_no_file() -> None:
    drafts = Drafts(NOWHERE)
    drafts.write(OURS, "install old /bin/false\n")
    kept_out(drafts)
    assert drafts.read(OURS) is None


def test_a_line_that_comes_first_and_loads_it_becomes_a_comment(tmp_path: Path) -> None:
    for path, text in {
        "etc/modprobe.d/10-a.conf": (
            "# cramfs\ninstall cramfs /sbin/modprobe -i cramfs; \\\n  echo loaded\noptions cramfs x=1\n"
        ),
        "etc/modprobe.d/20-b.conf": "install cramfs /bin/true\ninstall udf /sbin/modprobe -i udf\n",
        "etc/modprobe.d/99-z.conf": "install cramfs /sbin/modprobe -i cramfs\n",
        "usr/lib/modprobe.d/30-c.conf": "install usb_storage /sbin/modprobe -i usb_storage\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    drafts = Drafts(tmp_path)
    kept = kept_out(drafts, "cramfs", "usb-storage")
    assert [change.name for change in drafts.changes()] == [
        OURS,
        "/etc/modprobe.d/10-a.conf",
        "/etc/modprobe.d/30-c.conf",
    ]
    assert drafts.read("/etc/modprobe.d/10-a.conf") == (
        "# cramfs\n# goldsmith: install cramfs /sbin/modprobe -i cramfs; \\\n# goldsmith:   echo loaded\n"
        "options cramfs x=1\n"
    )
    assert kept.outcomes()[1].message == "/usr/lib/modprobe.d/30-c.conf loaded it in its own way"
    assert statuses(kept_out(drafts, "cramfs", "usb-storage")) == ["compliant", "compliant"]


def test_what_is_loaded_and_unused_is_unloaded_those_that_use_others_first(tmp_path: Path) -> None:
    table = (
        "usb_storage 77824 1 uas, Live 0x0\n"
        "uas 32768 0 - Live 0x0\n"
        "udf 122880 1 - Live 0x0\n"
        "cramfs 1 1 other, Live 0x0\n"
        "other 1 0 - Live 0x0\n"
        "stuck 1 0 - Live 0x0\n"
        "kept 1 - - Live 0x0\n"
    )
    kernel = Kernel(machine(tmp_path, loaded=table), live=True)
    names = ["usb-storage", "uas", "udf", "cramfs", "stuck", "kept", "absent"]
    kept = kept_out(Drafts(tmp_path), *names, kernel=kernel)
    foretold = statuses(kept)
    assert kept.going == ["stuck", "uas", "usb_storage"]

    unloaded: list[str] = []
    kept.unload(lambda name: "" if name != "stuck" and not unloaded.append(name) else "rmmod: it is stuck")

    assert unloaded == ["uas", "usb_storage"]
    assert foretold == ["changed", "changed", "failed", "failed", "changed", "failed", "changed"]
    rows = kept.outcomes()
    assert [row.status for row in rows] == ["changed", "changed", "failed", "failed", "failed", "failed", "changed"]
    assert [row.message for row in rows[:3]] == ["was loaded", "was loaded", "in use; gone after a reboot"]
    assert rows[4].message == "cannot be unloaded: rmmod: it is stuck"


def test_a_builtin_module_does_not_apply_and_a_missing_one_is_kept_out_all_the_same(tmp_path: Path) -> None:
    kernel = Kernel(machine(tmp_path, dep="udf usb-storage", builtin="squashfs"), live=True)
    drafts = Drafts(tmp_path)
    names = ["squashfs", "usb_storage", "freevxfs"]
    assert statuses(kept_out(drafts, *names, kernel=kernel)) == ["not_applicable", "changed", "changed"]
    again = kept_out(drafts, *names, kernel=kernel).outcomes()
    assert [(row.status, row.message) for row in again] == [
        ("not_applicable", "built into the kernel"),
        ("compliant", ""),
        ("compliant", "the kernel has no such module"),
    ]


def test_of_a_machine_to_be_every_kernel_counts_and_nothing_is_unloaded(tmp_path: Path) -> None:
    machine(tmp_path, loaded="udf 1 0 - Live 0x0\n", dep="udf", builtin="squashfs", release="6.1")
    machine(tmp_path, loaded="udf 1 0 - Live 0x0\n", dep="squashfs", builtin="udf", release="6.12")
    kept = kept_out(Drafts(tmp_path), "squashfs", "udf", kernel=Kernel(tmp_path, live=False))
    assert statuses(kept) == ["changed", "changed"] and kept.going == []


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("udf /bin/sh", OURS, "'udf /bin/sh' is not the name"),
        ("-udf", OURS, "is not the name"),
        ("udf", "/etc/modprobe.conf", "/etc/modprobe.conf is not read by modprobe"),
    ],
)
def test_what_cannot_be_meant_is_told(name: str, file: str, message: str) -> None:
    with pytest.raises(Fault, match=message):
        KeptOut(items(name), file, Drafts(NOWHERE), Kernel(NOWHERE, live=False))


names = st.sampled_from(["udf", "usb-storage", "usb_storage", "other"])
commands = st.sampled_from(["/bin/true", "/usr/bin/false", "/sbin/modprobe -i x", "/sbin/modprobe \\\n  -i x", ""])
lines = st.one_of(
    st.builds(lambda name, command: f"install {name} {command}", names, commands),
    st.builds(lambda name: f"blacklist {name}", names),
    st.sampled_from(["", "# install udf /bin/x", "options udf a=1", "alias install udf", "  install udf"]),
)


@given(st.lists(lines, max_size=8).map("\n".join), st.sets(st.sampled_from(["udf", "usb_storage"])))
def test_without_keeps_all_that_is_foreign_and_needs_no_second_run(text: str, wanted: set[str]) -> None:
    quiet, found = without(text, wanted)
    assert found <= wanted
    assert without(quiet, wanted) == (quiet, set())
    assert forbidden(quiet) == forbidden(text)
    pairs = list(zip(text.split("\n"), quiet.split("\n"), strict=True))
    assert all(new in (old, f"# goldsmith: {old}") for old, new in pairs)
    assert (quiet == text) == (not found)
