# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of sections, as those of systemd: what comes last holds, and drop-ins come last."""

from __future__ import annotations

from typing import Any

import pytest

MAIN = "/etc/systemd/journald.conf"
OURS = "/etc/systemd/journald.conf.d/90-goldsmith.conf"
STORAGE = {"section": "Journal", "key": "Storage", "value": "persistent"}
COMPRESS = {"section": "Journal", "key": "Compress", "value": True}
TEXT = """\
# See journald.conf(5) for details.

[Journal]
#Storage=auto
#Compress=yes
; a note
MaxLevelStore=debug

# what others are
[Other]
Storage=volatile
"""


def test_a_default_is_replaced_in_its_section_and_no_other(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    outcomes = root.settle(file(MAIN, "ini", STORAGE, COMPRESS))
    assert root.read(MAIN) == TEXT.replace("#Storage=auto", "Storage=persistent").replace("#Compress", "Compress")
    assert outcomes[0].item == f"{MAIN}: [Journal] Storage"


def test_a_new_line_goes_to_the_end_of_its_section_and_a_new_section_to_the_end(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    new = {"section": "New", "key": "Key", "value": ""}
    root.settle(file(MAIN, "ini", {**STORAGE, "key": "SystemMaxUse", "value": "1G"}, new, {**new, "key": "Last"}))
    expected = TEXT.replace("MaxLevelStore=debug\n", "MaxLevelStore=debug\nSystemMaxUse=1G\n")
    assert root.read(MAIN) == f"{expected}\n[New]\nKey=\nLast=\n"


def test_sections_that_come_twice_are_one_and_the_last_line_holds(root: Any, file: Any) -> None:
    root.write({MAIN: "[Journal]\nStorage=none\n[Other]\nA=1\n[Journal]\nStorage=auto\n"})
    outcomes = root.settle(file(MAIN, "ini", STORAGE))
    assert root.read(MAIN) == ("[Journal]\n# goldsmith: Storage=none\n[Other]\nA=1\n[Journal]\nStorage=persistent\n")
    assert outcomes[0].message.startswith("was auto")


def test_a_value_over_several_lines_is_one(root: Any, file: Any) -> None:
    root.write({MAIN: "[Journal]\nNTP=a \\\n  b \\\n  c\nStorage=none\n"})
    root.settle(file(MAIN, "ini", {**STORAGE, "key": "NTP", "value": "d"}))
    assert root.read(MAIN) == "[Journal]\nNTP=d\nStorage=none\n"


def test_later_drop_ins_obey_and_the_main_file_is_left_alone(root: Any, file: Any) -> None:
    root.write(
        {
            MAIN: "[Journal]\nStorage=none\n",
            "/etc/systemd/journald.conf.d/50-a.conf": "[Journal]\nStorage=none\n",
            "/etc/systemd/journald.conf.d/99-z.conf": "[Other]\nStorage=none\n[Journal]\nStorage=\nSeal=no\n",
            "/run/systemd/journald.conf.d/95-r.conf": "[Journal]\nStorage=volatile\n",
            "/usr/lib/systemd/journald.conf.d/91-v.conf": "[Journal]\nStorage=none\nSeal=no\n",
            "/usr/lib/systemd/journald.conf.d/99-z.conf": "[Journal]\nStorage=none\n",
        }
    )
    before = root.files()
    (outcome,) = root.settle(file(MAIN, "ini", STORAGE, drop_in=OURS))
    after = root.files()
    changed = {path for path in after if after[path] != before.get(path)}
    folder = "/etc/systemd/journald.conf.d"
    assert changed == {OURS, f"{folder}/99-z.conf", f"{folder}/95-r.conf", f"{folder}/91-v.conf"}
    assert after[f"{folder}/99-z.conf"] == "[Other]\nStorage=none\n[Journal]\n# goldsmith: Storage=\nSeal=no\n"
    assert after[f"{folder}/91-v.conf"].splitlines()[1:] == ["[Journal]", "# goldsmith: Storage=none", "Seal=no"]
    assert after[OURS].splitlines()[1:] == ["[Journal]", "Storage=persistent"]
    assert outcome.message.startswith("was ;") or outcome.message.startswith("was set;")


def test_a_main_file_that_only_a_package_has_is_the_ground_for_ours(root: Any, file: Any) -> None:
    vendor = "/usr/lib/systemd/journald.conf"
    root.write({vendor: "[Journal]\nStorage=none\nSeal=no\n"})
    root.settle(file(MAIN, "ini", STORAGE))
    assert root.read(vendor) == "[Journal]\nStorage=none\nSeal=no\n"
    assert root.read(MAIN) == "[Journal]\nStorage=persistent\nSeal=no\n"


def test_a_drop_in_applies_where_only_a_package_has_the_main_file(root: Any, file: Any) -> None:
    root.write({"/usr/lib/systemd/journald.conf": "[Journal]\n"})
    (outcome,) = root.settle(file(MAIN, "ini", STORAGE, drop_in=OURS))
    assert outcome.status == "changed" and OURS in root.files() and MAIN not in root.files()


def test_a_drop_in_that_is_never_read_is_told(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    (outcome,) = root.settle(file(MAIN, "ini", STORAGE, drop_in="/etc/systemd/other.conf.d/90.conf"))
    assert outcome.status == "failed" and "is not read after" in outcome.message
    assert root.files() == {MAIN: TEXT}


@pytest.mark.parametrize("value", ["yes", True])
def test_a_truth_value_is_written_yes(root: Any, file: Any, value: Any) -> None:
    root.write({MAIN: "[Journal]\nCompress=no\n"})
    root.settle(file(MAIN, "ini", {**COMPRESS, "value": value}))
    assert root.read(MAIN) == "[Journal]\nCompress=yes\n"


def test_what_is_to_be_absent_is_so_in_its_section_of_every_file(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT, "/usr/lib/systemd/journald.conf.d/10.conf": "[Journal]\nMaxLevelStore=info\n"})
    absent = {"section": "Journal", "key": "MaxLevelStore", "absent": True}
    (outcome,) = root.settle(file(MAIN, "ini", absent))
    assert outcome.status == "changed"
    assert "\n# goldsmith: MaxLevelStore=debug\n" in root.read(MAIN)
    assert "\n# goldsmith: MaxLevelStore=info\n" in root.read("/etc/systemd/journald.conf.d/10.conf")
