# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's parameters: the files that set them at boot, and the values that hold now."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._sysctl import (
    FOLDERS,
    Kernel,
    Sysctl,
    assignments,
    name,
    variable,
    without,
)

OURS = "/etc/sysctl.d/90-goldsmith.conf"
MODULE: Any = SimpleNamespace(atomic_move=os.replace)
NOWHERE = Path("/nonexistent")


class Memory(Kernel):
    """A kernel in mind.

    Attributes:
        values: By path below /proc/sys.
        refused: Paths that cannot be written.
        then: What a write changes besides, by path.
    """

    def __init__(self, **values: str) -> None:
        super().__init__(NOWHERE)
        self.values = {variable(key.replace("__", ".")): value for key, value in values.items()}
        self.refused: set[str] = set()
        self.then: dict[str, dict[str, str]] = {}
        self.written: list[str] = []

    def read(self, path: str) -> str | None:
        return self.values.get(path)

    def write(self, path: str, value: str) -> None:
        if path in self.refused:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self.written.append(path)
        self.values |= {path: value, **self.then.get(path, {})}


def items(**wanted: str) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": value, "control": None} for key, value in wanted.items()]


def settle(drafts: Drafts, kernel: Kernel | None = None, **wanted: str) -> Sysctl:
    sysctl = Sysctl(items(**wanted), OURS, drafts, kernel)
    sysctl.draft()
    sysctl.bring()
    return sysctl


def statuses(sysctl: Sysctl) -> list[str]:
    return [outcome.status for outcome in sysctl.outcomes()]


def drafts_of(**files: str) -> Drafts:
    """Files in mind; in their names, ``__`` stands for ``/`` and ``_`` for a dot before ``conf``."""
    drafts = Drafts(NOWHERE)
    for path, text in files.items():
        drafts.write("/" + path.replace("__", "/").replace("_conf", ".conf").replace("_d", ".d"), text)
    return drafts


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("kernel.kptr_restrict", "kernel/kptr_restrict"),
        ("kernel/kptr_restrict", "kernel/kptr_restrict"),
        ("net.ipv4.conf.eth0/5.forwarding", "net/ipv4/conf/eth0.5/forwarding"),
        ("net/ipv4/conf/eth0.5/forwarding", "net/ipv4/conf/eth0.5/forwarding"),
    ],
)
def test_a_key_is_read_as_sysctl_d_says(key: str, path: str) -> None:
    assert variable(key) == path
    assert variable(name(path)) == path


def test_lines_are_read_with_comments_blanks_prefixes_and_the_last_wins() -> None:
    text = "# a.b = 1\n; a.b = 2\n\n a.b=3 \n-a/c = 1\t 2\nbroken\n-a.d\na.b = 4"
    assert assignments(text) == {"a/b": "4", "a/c": "1 2", "a/d": None}


def test_the_file_is_sorted_and_whole() -> None:
    drafts = drafts_of()
    drafts.write(OURS, "net.old = 1\n")
    sysctl = settle(drafts, net__b="2", kernel__a="1")
    lines = (drafts.read(OURS) or "").splitlines()
    assert lines[0].startswith("#") and lines[1:] == ["kernel.a = 1", "net.b = 2"]
    assert [(row.item, row.message) for row in sysctl.outcomes()] == [
        ("net.b", "was not set at boot"),
        ("kernel.a", "was not set at boot"),
    ]
    assert statuses(settle(drafts, net__b="2", kernel__a="1")) == ["compliant", "compliant"]


def test_nothing_wanted_leaves_no_file() -> None:
    drafts = drafts_of()
    drafts.write(OURS, "net.old = 1\n")
    settle(drafts)
    assert drafts.read(OURS) is None


def test_later_files_lose_the_last_word_and_keep_the_rest() -> None:
    drafts = drafts_of(
        etc__sysctl_d__50early_conf="a.b = 0\n",
        etc__sysctl_d__99late_conf="# why\na.b=0\na/b = 1\nforeign = 7\na.* = 0\n-a.b\n",
        etc__sysctl_conf="a.b = 0",
        etc__ufw__sysctl_conf="net/a=0\na/b=1\n",
    )
    sysctl = settle(drafts, a__b="1", net__a="1")
    assert drafts.read("/etc/sysctl.d/50early.conf") == "a.b = 0\n"
    assert drafts.read("/etc/sysctl.d/99late.conf") == (
        "# why\n# goldsmith: a.b=0\na/b = 1\nforeign = 7\na.* = 0\n# goldsmith: -a.b\n"
    )
    assert drafts.read("/etc/sysctl.conf") == "# goldsmith: a.b = 0"
    assert drafts.read("/etc/ufw/sysctl.conf") == "# goldsmith: net/a=0\na/b=1\n"
    assert statuses(sysctl) == ["changed", "changed"]


def test_a_later_file_of_a_package_is_replaced_by_a_copy_in_etc(tmp_path: Path) -> None:
    vendor = tmp_path / "usr/lib/sysctl.d/99-protect-links.conf"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("fs.protected_fifos = 1\nfs.protected_regular = 2\n")
    (tmp_path / "lib").symlink_to("usr/lib")
    drafts = Drafts(tmp_path)
    settle(drafts, fs__protected_fifos="2", fs__protected_regular="2")
    for change in drafts.changes():
        change.apply(MODULE)
    copy = tmp_path / "etc/sysctl.d/99-protect-links.conf"
    assert vendor.read_text() == "fs.protected_fifos = 1\nfs.protected_regular = 2\n"
    assert copy.read_text().splitlines()[1:] == ["# goldsmith: fs.protected_fifos = 1", "fs.protected_regular = 2"]
    again = Drafts(tmp_path)
    assert statuses(settle(again, fs__protected_fifos="2", fs__protected_regular="2")) == ["compliant"] * 2
    assert again.changes() == []


def test_what_another_file_hides_or_leads_to_is_changed_once_where_it_lies(tmp_path: Path) -> None:
    for path, text in {
        "etc/sysctl.conf": "a.b = 0\n",
        "usr/lib/sysctl.d/99-hidden.conf": "a.b = 0\n",
        "etc/sysctl.d/99-hidden.conf": "",
        "run/sysctl.d/90-goldsmith.conf": "a.b = 0\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    drafts = Drafts(tmp_path)
    settle(drafts, a__b="1")
    assert [change.name for change in drafts.changes()] == [OURS, "/etc/sysctl.conf"]


def test_values_that_hold_now_are_compared_and_set() -> None:
    kernel = Memory(a__same="1 2", a__other="0")
    drafts = drafts_of()
    sysctl = settle(drafts, kernel, a__same="1\t2", a__other="1", a__missing="1")
    assert kernel.values == {"a/same": "1 2", "a/other": "1"} and kernel.written == ["a/other"]
    assert [(row.status, row.message[:9]) for row in sysctl.outcomes()] == [
        ("changed", "was not s"),
        ("changed", "was 0"),
        ("not_applicable", "this kern"),
    ]
    assert "-a.missing = 1\n" in (drafts.read(OURS) or "")
    again = settle(drafts, kernel, a__same="1 2", a__other="1", a__missing="1")
    assert statuses(again) == ["compliant", "compliant", "not_applicable"] and not again.moved


def test_check_mode_foretells_and_sets_nothing() -> None:
    kernel = Memory(a__b="0")
    sysctl = Sysctl(items(a__b="1"), OURS, drafts_of(), kernel)
    sysctl.draft()
    assert sysctl.moved and statuses(sysctl) == ["changed"] and kernel.written == []
    assert sysctl.difference == [
        {"before_header": "kernel", "after_header": "kernel", "before": "a.b = 0\n", "after": "a.b = 1\n"}
    ]


def test_what_forwarding_sets_anew_is_set_after_it() -> None:
    kernel = Memory(net__ipv4__ip_forward="1", net__ipv4__conf__all__accept_redirects="0", net__a="0")
    kernel.then = {"net/ipv4/ip_forward": {"net/ipv4/conf/all/accept_redirects": "1"}, "net/b": {"net/a": "0"}}
    kernel.values["net/b"] = "0"
    sysctl = settle(
        drafts_of(),
        kernel,
        net__ipv4__conf__all__accept_redirects="0",
        net__ipv4__ip_forward="0",
        net__a="1",
        net__b="1",
    )
    assert set(statuses(sysctl)) == {"changed"}
    assert kernel.values["net/ipv4/conf/all/accept_redirects"] == "0"
    assert kernel.values["net/a"] == "1"


def test_a_value_that_is_refused_or_made_another_fails_and_the_others_are_set() -> None:
    kernel = Memory(a__once="1", a__other="0", a__most="5")
    kernel.refused = {"a/once"}
    kernel.then = {"a/most": {"a/most": "9"}}
    sysctl = settle(drafts_of(), kernel, a__once="2", a__other="1", a__most="10")
    rows = sysctl.outcomes()
    assert statuses(sysctl) == ["failed", "changed", "failed"]
    assert "keeps '1' and refuses '2': Operation not permitted" in rows[0].message
    assert rows[2].message == "the kernel made '9' of '10'"


def test_the_kernels_own_files_are_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/printk").write_text("4\t4\t1\t7\n")
    kernel = Kernel(tmp_path)
    assert kernel.read("kernel/printk") == "4 4 1 7"
    assert kernel.read("kernel/none") is None
    kernel.write("kernel/printk", "3 4 1 3")
    assert kernel.read("kernel/printk") == "3 4 1 3"


@pytest.mark.parametrize(
    ("wanted", "file", "message"),
    [
        ([("a.b", "1"), ("a/b", "2")], OURS, "a.b is to be 1 and 2"),
        ([("net.*.x", "1")], OURS, "not a parameter"),
        ([("/../../etc/passwd", "1")], OURS, "not a parameter"),
        ([("a b", "1")], OURS, "not a parameter"),
        ([("", "1")], OURS, "not a parameter"),
        ([], "/etc/sysctl.d/90-goldsmith", "is not read at boot"),
        ([], "/etc/sysctl.conf", "is not read at boot"),
    ],
)
def test_what_cannot_be_meant_is_told(wanted: list[tuple[str, str]], file: str, message: str) -> None:
    settings = [{"key": key, "value": value, "control": None} for key, value in wanted]
    with pytest.raises(Fault, match=message):
        Sysctl(settings, file, drafts_of(), None)


def test_several_controls_may_want_the_same() -> None:
    settings = [{"key": "a.b", "value": "1", "control": one} for one in ("first", "second")]
    sysctl = Sysctl(settings, OURS, drafts_of(), None)
    sysctl.draft()
    assert [(row.control, row.status) for row in sysctl.outcomes()] == [("first", "changed"), ("second", "changed")]


keys = st.sampled_from(["a.b", "a/b", "a.c", "-a.b", "-a/c", "x.y", "a.*", "a.b.c"])
values = st.sampled_from(["0", "1", " 1 ", "1\t2", "1 2", ""])
lines = st.one_of(
    st.builds(lambda key, value: f"{key}={value}", keys, values),
    st.builds(lambda key, value: f"# {key} = {value}", keys, values),
    keys,
    st.sampled_from(["", "; note", "   "]),
)
texts = st.lists(lines, max_size=8).map("\n".join)
wishes = st.dictionaries(st.sampled_from(["a/b", "a/c", "a/b/c"]), st.sampled_from(["0", "1", "1 2"]), min_size=1)


@given(texts, wishes)
def test_a_quieted_text_says_nothing_else_and_keeps_all_other_lines(text: str, wanted: dict[str, str]) -> None:
    quiet, found = without(text, wanted)
    assert all(value == wanted.get(path, value) for path, value in assignments(quiet).items())
    pairs = list(zip(text.split("\n"), quiet.split("\n"), strict=True))
    assert all(new in (old, f"# goldsmith: {old}") for old, new in pairs)
    assert (quiet == text) == (not found)
    assert without(quiet, wanted) == (quiet, set())


@given(st.dictionaries(st.sampled_from(["10-a", "90-goldsmith", "95-b", "99-c"]), texts), texts, wishes)
def test_at_boot_the_wanted_values_have_the_last_word(files: dict[str, str], main: str, wanted: dict[str, str]) -> None:
    drafts = Drafts(NOWHERE)
    for index, (stem, text) in enumerate(files.items()):
        drafts.write(f"{FOLDERS[index]}/{stem}.conf", text)
    drafts.write("/etc/sysctl.conf", main)
    settings = [{"key": key, "value": value, "control": None} for key, value in wanted.items()]

    def once() -> set[str]:
        sysctl = Sysctl(settings, OURS, drafts, None)
        sysctl.draft()
        return set(statuses(sysctl))

    once()
    # What sysctl.d(5) says, told in other words.
    named: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        named |= {path.rpartition("/")[2]: path for path in drafts.files(folder, "*.conf")}
    holds: dict[str, str | None] = {}
    for path in [*(named[one] for one in sorted(named)), "/etc/sysctl.conf"]:
        holds |= assignments(drafts.read(path) or "")
    assert {path: holds[path] for path in wanted} == wanted
    assert once() == {"compliant"}
