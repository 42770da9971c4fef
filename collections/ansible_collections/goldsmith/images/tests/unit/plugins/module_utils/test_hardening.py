"""_hardening: which controls take part, what they demand together, and what is reported of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Machine, Selection, Wish, flat, select
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_report import report, summary
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_state import Gatherer, options
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import Access, Person

TABLE: dict[str, list[dict[str, Any]]] = {
    "kernel": [
        {"id": "aslr", "cis": "1.5.1", "level": 1, "needs": ["kernel"], "sysctl": {"a": 2, "b": 1}},
        {"id": "log", "level": 2, "needs": ["kernel"], "sysctl": {"c": 1}},
        {"id": "locked", "level": 3, "needs": [], "sysctl": {"d": 1}},
        {"id": "own", "level": 1, "needs": [], "own": "sysctl"},
    ],
    "ssh": [
        {
            "id": "root",
            "cis": "5.1.20",
            "level": 1,
            "needs": [],
            "guard": "root_login",
            "sshd": {"PermitRootLogin": "no"},
        },
        {"id": "tries", "level": 1, "needs": ["package:ssh"], "sshd": {"MaxAuthTries": 4}},
    ],
    "services": [
        {"id": "web", "level": 1, "needs": [], "purpose": True, "packages_absent": ["nginx"]},
        {"id": "server", "level": 1, "needs": [], "packages_present": ["ssh"]},
        {"id": "banner", "level": 1, "needs": [], "files": [{"path": "/etc/issue", "content": "x"}]},
        {"id": "banner_too", "level": 1, "needs": ["not:kernel"], "files": [{"path": "/etc/issue", "content": "x"}]},
    ],
}
for _controls in TABLE.values():
    for _control in _controls:
        _control.setdefault("title", "")
CONFIGS = {"sshd": {"path": "/etc/ssh/sshd_config", "format": "sshd"}}


def machine(**given: Any) -> Machine:
    known = {"has": frozenset(), "paths": frozenset(), "packages": frozenset(), "mounts": frozenset()}
    known["groups"] = frozenset(["root"])
    return Machine(**{**known, "choices": {"time": "chrony"}, "given": frozenset(), "access": Access(), **given})


def wish(**given: Any) -> Wish:
    words = ("exclude", "include", "run_tags", "skip_tags")
    sets = {word: frozenset(given.pop(word, ())) for word in words}
    areas = dict.fromkeys(TABLE, True) | given.pop("areas", {})
    return Wish(**{"level": 1, "areas": areas, "asked": True, **sets, **given})


def chosen(here: Machine | None = None, **given: Any) -> Selection:
    return select(flat(TABLE), here or machine(), wish(**given))


def taken(here: Machine | None = None, **given: Any) -> set[str]:
    return {control["id"] for control in chosen(here, **given).taken}


KERNEL = machine(has=frozenset({"kernel"}))


def test_what_is_not_applicable_says_why() -> None:
    found = chosen()
    assert found.statuses["aslr"] == ("not_applicable", "there is no kernel of its own: it is the host's that counts")
    assert "banner_too" in taken() and "banner_too" not in taken(KERNEL)


def test_levels_areas_and_lists_decide_what_is_disabled() -> None:
    assert "log" not in taken(KERNEL) and "log" in taken(KERNEL, level=2)
    assert "locked" not in taken(level=2) and "locked" in taken(include=["locked"])
    assert not {"root", "tries"} & taken(areas={"ssh": False})
    assert "banner" not in taken(exclude=["banner"])
    assert chosen(exclude=["banner"]).statuses["banner"] == ("disabled", "it is in os_hardening_exclude")


@pytest.mark.parametrize("given", [{"exclude": ["baner"]}, {"include": ["baner"]}])
def test_a_control_that_does_not_exist_is_a_mistake(given: dict[str, list[str]]) -> None:
    with pytest.raises(Fault, match=r"do not exist: baner\. There are: .*banner"):
        chosen(**given)


@pytest.mark.parametrize(
    ("tag", "found"),
    [("os_hardening_ssh", {"root", "tries"}), ("cis_5_1_20", {"root"}), ("os_hardening_banner", {"banner"})],
)
def test_a_tag_picks_controls(tag: str, found: set[str]) -> None:
    here = machine(packages=frozenset({"ssh"}))
    assert taken(here, run_tags=[tag], asked=False) == found
    assert taken(here, skip_tags=[tag]) == taken(here) - found
    assert taken(here, run_tags=["web"], asked=False) == set()


def test_a_package_that_is_installed_in_this_run_makes_others_apply_in_it() -> None:
    assert "tries" in taken()
    assert "tries" not in taken(exclude=["server"])


def test_nothing_is_installed_where_that_is_not_wanted() -> None:
    found = chosen(installs=False)
    assert found.statuses["server"][0] == "disabled" and "ssh would have to be installed" in found.statuses["server"][1]
    assert found.statuses["tries"][0] == "not_applicable"
    assert "server" in taken(machine(packages=frozenset({"ssh"})), installs=False)


def test_a_server_is_only_removed_when_that_is_said() -> None:
    here = machine(packages=frozenset({"nginx"}))
    assert chosen(here).statuses["web"][0] == "failed" and "os_hardening_include" in chosen(here).statuses["web"][1]
    assert "web" in taken(here, include=["web"]) and "web" in taken()


def test_a_control_that_would_lock_everybody_out_fails_and_is_not_applied() -> None:
    here = machine(access=Access((Person("root", root=True, keys=True),)))
    assert chosen(here).statuses["root"][0] == "failed"
    assert "root" not in taken(here)


def gathered(found: Selection, here: Machine = KERNEL, **overrides: Any) -> dict[str, Any]:
    state = Gatherer(CONFIGS, {"sysctl": {}, "sshd": {}, **overrides}, here).gather(found)
    return options(state, CONFIGS, here)


def test_a_users_values_come_in_the_place_of_the_tables() -> None:
    found = chosen(KERNEL)
    told = gathered(found, sysctl={"a": 5, "b": None, "mine": 7})["sysctl"]
    assert [(item["key"], item["value"], item["control"]) for item in told] == [
        ("a", "5", "aslr"),
        ("mine", "7", "own"),
    ]
    assert "own" not in found.statuses


def test_a_control_whose_settings_are_all_taken_out_is_disabled() -> None:
    found = chosen(KERNEL)
    gathered(found, sysctl={"a": None, "b": None})
    assert found.statuses["aslr"] == ("disabled", "os_hardening_sysctl takes its settings out")
    assert found.statuses["own"][0] == "not_applicable"


def test_a_tag_does_not_take_the_others_out_of_a_file_they_share() -> None:
    found = chosen(KERNEL, level=2, run_tags=["cis_1_5_1"], asked=False)
    told = gathered(found)
    assert [item["key"] for item in told["sysctl"]] == ["a", "b", "c"]
    assert told["files"] == told["settings"] == []
    assert found.statuses["log"][0] == "disabled"


def test_settings_are_handed_over_by_file() -> None:
    (file,) = gathered(chosen())["settings"]
    assert file["path"] == "/etc/ssh/sshd_config"
    assert file["settings"][0] == {"key": "PermitRootLogin", "value": "no", "control": "root"}


def test_a_file_that_two_controls_want_is_handed_over_once_and_they_must_agree() -> None:
    here = machine()
    told = gathered(chosen(here), here)
    assert (len(told["files"]), told["owners"]) == (1, {"/etc/issue": ["banner", "banner_too"]})
    other = {**TABLE["services"][3], "files": [{"path": "/etc/issue", "content": "y"}]}
    found = Selection(taken=[TABLE["services"][2], other])
    with pytest.raises(Fault, match="banner_too and banner want /etc/issue"):
        gathered(found, here)


def test_packages_are_handed_over_when_they_have_to_be_changed() -> None:
    here = machine(packages=frozenset({"nginx"}))
    told = gathered(chosen(here, include=["web"]), here)
    assert (told["install"], told["uninstall"]) == ({"ssh": ["server"]}, {"nginx": ["web"]})


def test_groups_are_handed_over_when_they_are_missing() -> None:
    table = {"privilege": [{"id": "su", "title": "", "level": 1, "needs": [], "groups": ["root", "sugroup"]}]}
    state = Gatherer(CONFIGS, {}, machine()).gather(Selection(taken=flat(table)))
    told = options(state, CONFIGS, machine())
    assert told["groups"] == {"sugroup": ["su"]}
    assert [row["status"] for row in report(flat(table), {}, {}, told)] == ["changed"]
    assert [row["status"] for row in report(flat(table), {}, {}, {**told, "groups": {}})] == ["compliant"]


def rows(found: Selection, results: dict[str, Any]) -> dict[str, tuple[str, str]]:
    here = machine()
    plan = gathered(found, here)
    told = report(flat(TABLE), found.statuses, results, plan)
    assert sum(summary(told).values()) == len(told)
    return {row["id"]: (row["status"], row["message"]) for row in told}


def test_the_report_says_of_every_control_what_became_of_it() -> None:
    results = {
        "settings": {
            "results": [{"control": "root", "item": "PermitRootLogin", "status": "changed", "message": "was yes"}]
        },
        "files": {"paths": ["/etc/issue"]},
        "install": {"failed": True, "msg": "no mirror"},
    }
    found = rows(chosen(), results)
    assert found["root"] == ("changed", "PermitRootLogin: was yes")
    assert found["banner"] == ("changed", "/etc/issue")
    assert found["server"] == ("failed", "ssh could not be installed: no mirror")
    assert found["web"] == ("compliant", "")
    assert found["aslr"][0] == "not_applicable" and found["locked"][0] == "disabled"


def test_the_worst_of_its_items_is_what_became_of_a_control() -> None:
    items = [
        {"control": "tries", "item": str(number), "status": status, "message": ""}
        for number, status in enumerate(["compliant", "changed", "failed", "not_applicable"])
    ]
    assert rows(chosen(), {"settings": {"results": items}})["tries"] == ("failed", "2")
    assert rows(chosen(), {"settings": {"results": [items[0], items[3]]}})["tries"] == ("compliant", "")
    assert rows(chosen(), {"settings": {"results": [items[3]]}})["tries"][0] == "not_applicable"
