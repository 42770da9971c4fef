"""The table of controls is whole and agrees with the pages and the variables that follow from it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("controls", ROOT / "scripts/controls.py")
assert spec and spec.loader
controls = importlib.util.module_from_spec(spec)
spec.loader.exec_module(controls)
TABLE = controls.table()
CONTROLS = [{**control, "area": area} for area, found in TABLE.items() for control in found]

REDHAT = controls.variables("__os_hardening_family_redhat")
CONFIGS = {*controls.variables("__os_hardening_configs"), *REDHAT["configs"]}

# The recommendations of the CIS benchmark for Debian 12, version 1.1.0, for servers: those it calls automated, those it calls
# manual, and which are of level 2. A last part such as 1-9 stands for nine numbers.
AUTOMATED = """
1.1.1.1-9 1.1.2.1.1-4 1.1.2.2.1-4 1.1.2.3.1-3 1.1.2.4.1-3 1.1.2.5.1-4 1.1.2.6.1-4 1.1.2.7.1-4 1.3.1.1-4 1.4.1-2 1.5.1-5
1.6.1-6 1.7.1-10 2.1.1-21 2.2.1-6 2.3.1.1 2.3.2.1-2 2.3.3.1-3 2.4.1.1-8 2.4.2.1 3.1.2-3 3.2.1-4 3.3.1-11 4.1.1 4.2.1-4
4.2.6-7 4.3.1-2 4.3.4-6 4.3.8-10 4.4.1.1-3 4.4.2.1-2 4.4.2.4 4.4.3.1-2 4.4.3.4 5.1.1-22 5.2.1-7 5.3.1.1-3 5.3.2.1-4
5.3.3.1.1-3 5.3.3.2.1-2 5.3.3.2.4-8 5.3.3.3.1-3 5.3.3.4.1-4 5.4.1.1 5.4.1.3-6 5.4.2.1-8 5.4.3.1-3 6.1.1.1 6.1.1.4 6.1.2.1.1
6.1.2.1.3-4 6.1.2.2-4 6.1.3.1-4 6.1.3.7 6.1.4.1 6.2.1.1-4 6.2.2.1-4 6.2.3.1-20 6.2.4.1-10 6.3.1-3 7.1.1-12 7.2.1-10
"""
MANUAL = """
1.1.1.10 1.2.1.1-2 1.2.2.1 2.1.22 3.1.1 4.2.5 4.3.3 4.3.7 4.4.2.3 4.4.3.3 5.3.3.2.3 5.4.1.2 6.1.1.2-3 6.1.2.1.2 6.1.3.5-6
6.1.3.8 6.2.3.21 7.1.13
"""
LEVEL_2 = """
1.1.1.6-8 1.1.2.3.1 1.1.2.4.1 1.1.2.5.1 1.1.2.6.1 1.1.2.7.1 1.3.1.4 1.7.1 2.1.20 3.2.1-4 5.1.8-9 5.2.4 5.3.3.1.3 5.4.1.2
5.4.3.1 6.2.1.1-4 6.2.2.1-4 6.2.3.1-20 6.2.4.1-10 6.3.3
"""
LEFT_OUT = {"4.2.4", "4.2.6"}


def numbers(text: str) -> set[str]:
    found = set()
    for word in text.split():
        head, _, last = word.rpartition(".")
        first, _, end = last.partition("-")
        found |= {f"{head}.{number}" for number in range(int(first), int(end or first) + 1)}
    return found


def cis() -> list[str]:
    return [control["cis"] for control in CONTROLS if "cis" in control]


def test_every_recommendation_is_a_control_or_left_out_for_a_reason() -> None:
    left_out = {entry["cis"] for entry in controls.variables("__os_hardening_left_out")}
    assert set(cis()) | left_out == numbers(AUTOMATED) | numbers(MANUAL)
    assert numbers(AUTOMATED) - set(cis()) == LEFT_OUT
    assert not left_out & set(cis())


@pytest.mark.parametrize(("list_name", "key"), [("left_out", "cis"), ("left_out_anssi", "rule")])
def test_what_is_left_out_says_why_in_a_sentence(list_name: str, key: str) -> None:
    for entry in controls.variables(f"__os_hardening_{list_name}"):
        assert {key, "why"} <= set(entry) <= {key, "why", "met_by"}
        assert entry["why"].endswith(".") and entry[key]
        assert entry.get("met_by", "level2") in {"level2", *(control["id"] for control in CONTROLS)}


def test_ids_and_numbers_stand_there_once_and_no_id_is_an_areas_name() -> None:
    names = [control["id"] for control in CONTROLS]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [number for number, count in Counter(cis()).items() if count > 1] == []
    assert not set(names) & set(TABLE)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]+", name) for name in names)


def test_levels_are_those_of_the_benchmark() -> None:
    levels = {control["cis"]: control["level"] for control in CONTROLS if "cis" in control}
    assert {number for number, level in levels.items() if level == 2} == numbers(LEVEL_2) & set(levels)
    assert set(levels.values()) == {1, 2}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control["id"])
def test_a_control_says_what_it_is_why_and_what_it_needs(control: dict[str, object]) -> None:
    assert {"id", "level", "title", "why", "needs"} <= set(control)
    assert not str(control["title"]).endswith(".") and str(control["why"]).endswith(".")
    assert str(control.get("breaks", ".")).endswith(".")
    known = {*controls.TELLS, "area", *CONFIGS, *DEMANDS}
    assert set(control) <= known
    assert set(control) - {*controls.TELLS, "area"} or control.get("own")


# What a control may demand besides settings of a configuration.
DEMANDS = {
    *("accounts", "audit", "audit_last", "audit_privileged", "dconf", "dconf_locks", "files", "groups", "kernel_args"),
    *(
        "modes",
        "modules",
        "mounts",
        "own",
        "packages_absent",
        "packages_present",
        "pam_arguments",
        "pam_profiles",
        "pam_rules",
        "remove",
        "review",
    ),
    *("sysctl", "units"),
}


def test_every_need_is_one_that_can_be_looked_for() -> None:
    probes = {*controls.variables("__os_hardening_probes"), "kernel", "init"}
    choices = set(controls.variables("__os_hardening_choices"))
    for need in (need.removeprefix("not:") for control in CONTROLS for need in control["needs"]):
        kind = need.partition(":")[0]
        assert (
            need in probes
            or kind in {"family", "package", "mount", "path", "given"}
            or need.partition("=")[0] in choices
        ), need


def test_no_two_controls_that_can_take_part_together_want_a_setting_to_be_different() -> None:
    wanted: dict[tuple[str, str], set[str]] = {}
    apart = {"journald ForwardToSyslog"}  # one needs rsyslog, the other the journal alone
    for control in CONTROLS:
        for kind in {"sysctl", *CONFIGS} & set(control):
            for key, value in control[kind].items():
                wanted.setdefault((kind, key), set()).add(str(value))
    assert {" ".join(key) for key, values in wanted.items() if len(values) > 1} == apart


def test_every_area_has_its_switch_and_its_file() -> None:
    defaults = yaml.safe_load((controls.ROLE / "defaults/main.yml").read_text())
    switches = [name for name in defaults if name.endswith("_enabled")]
    assert switches == [f"os_hardening_{area}_enabled" for area in sorted(TABLE)]
    assert [file.stem for file in sorted((controls.ROLE / "vars/main").glob("controls_*.yml"))] == [
        f"controls_{area}" for area in sorted(TABLE)
    ]
    assert list(controls.variables("__os_hardening_areas")) == list(TABLE)


def test_every_map_of_the_users_goes_over_a_kind_of_the_table() -> None:
    overrides = controls.variables("__os_hardening_overrides")
    assert set(overrides) <= {"sysctl", *controls.variables("__os_hardening_configs")}
    assert {control["own"] for control in CONTROLS if "own" in control} == set(overrides)
    assert set(overrides.values()) == {f"{{{{ os_hardening_{kind} }}}}" for kind in overrides}


def test_the_pages_that_follow_from_the_table_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "scripts/controls.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_that_is_not_up_to_date_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(controls, "page", lambda: "something else\n")
    monkeypatch.setattr(sys, "argv", ["controls.py", "--check"])
    assert controls.main() == 1
    assert "docs/controls.md is not up to date" in capsys.readouterr().out
