# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM as it is wanted, on a made-up /etc with a made-up pam-auth-update."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _authselect
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._pam_profiles import Profile, update
from ansible_collections.goldsmith.images.plugins.module_utils._pam_settings import Pam

MODULE: Any = SimpleNamespace(atomic_move=os.replace)

UNIX = {
    "auth": "[success=1 default=ignore]\tpam_unix.so nullok",
    "account": "[success=1 default=ignore]\tpam_unix.so",
    "password": "[success=1 default=ignore]\tpam_unix.so obscure yescrypt",
    "session": "required\tpam_unix.so",
}
FAILLOCK = {"name": "own-faillock", "priority": 1024, "auth": ["requisite pam_faillock.so preauth"]}


class PamAuthUpdate:
    """Does what pam-auth-update does with new profiles: their lines come first, and their names are kept.

    Attributes:
        calls: How it was called.
        refuses: Whether it leaves the stacks alone, as it does where lines were put there by hand.
        authselect: What authselect answers when it is asked for the features of its profile.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.calls: list[list[str]] = []
        self.refuses = False
        self.authselect = (0, "with-faillock\nwith-pwhistory\nwithout-nullok\n", "")

    def __call__(self, command: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
        if command[0] == "authselect":
            assert command[1:] == ["list-features", "sssd"]
            return self.authselect
        assert environment["DEBIAN_FRONTEND"] == "noninteractive"
        self.calls.append(command)
        arguments = iter(command[1:])
        if "/" in command[0]:
            assert f"'{Path(command[0]).parent}/etc/pam.d'" in Path(command[0]).read_text()
            assert "DEBCONF_DB_REPLACE" in environment
        root, lists = (
            self._root if "/" not in command[0] else Path(command[0]).parent,
            {"--enable": [], "--disable": [], "": []},
        )  # type: dict[str, list[str]]
        now = ""
        for argument in arguments:
            if argument == "--root":
                root = Path(next(arguments))
                assert "DEBCONF_DB_REPLACE" in environment
            elif argument.startswith("--"):
                now = argument if argument in lists else ""
            else:
                lists[now].append(argument)
        if not self.refuses:
            for name in lists["--enable"]:
                self._enable(root, name)
            for name in lists["--disable"]:
                self._disable(root, name)
        return 0, "", ""

    def _enable(self, root: Path, name: str) -> None:
        kind = ""
        for text in (root / "usr/share/pam-configs" / name).read_text().split("\n"):
            if text.startswith("\t"):
                stack, saved = root / f"etc/pam.d/common-{kind}", root / f"var/lib/pam/{kind}"
                stack.write_text(f"{kind}\t{text.strip()}\n{stack.read_text()}")
                saved.write_text(f"Module: {name}\n{text.strip()}\n{saved.read_text()}")
            else:
                kind = text.rstrip(":").lower()

    def _disable(self, root: Path, name: str) -> None:
        for saved in (root / "var/lib/pam").iterdir():
            saved.write_text(saved.read_text().replace(f"Module: {name}\n", "Module: null\n"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("etc/pam.d", "var/lib/pam", "usr/share/pam-configs", "usr/lib/x86_64-linux-gnu/security"):
        (tmp_path / folder).mkdir(parents=True)
    for kind, line in {**UNIX, "session-noninteractive": UNIX["session"]}.items():
        (tmp_path / f"etc/pam.d/common-{kind}").write_text(f"{kind.partition('-')[0]}\t{line}\n")
        (tmp_path / f"var/lib/pam/{kind}").write_text(f"Module: unix\n{line}\n")
    (tmp_path / "usr/share/pam-configs/unix").touch()
    (tmp_path / "etc/pam.d/su").write_text("auth sufficient pam_rootok.so\n# auth required pam_wheel.so\n")
    for module in ("unix", "faillock", "wheel", "pwhistory", "rootok"):
        (tmp_path / f"usr/lib/x86_64-linux-gnu/security/pam_{module}.so").touch()
    return tmp_path


@pytest.fixture
def program(root: Path) -> PamAuthUpdate:
    return PamAuthUpdate(root)


def profile(**given: Any) -> dict[str, Any]:
    lines = {"auth": [], "account": [], "password": [], "session": []}
    return {**lines, "title": None, "priority": 0, "block": "primary", "state": "enabled", **NONE, **given}


def arguments(module: str = "pam_unix.so", **given: Any) -> dict[str, Any]:
    return {"module": module, "types": [], "services": ["*"], "match": [], "set": {}, "remove": [], **NONE, **given}


def rule(**given: Any) -> dict[str, Any]:
    wanted = {"service": "su", "type": "auth", "flag": "required", "module": "pam_wheel.so", "arguments": ["use_uid"]}
    return {**wanted, "after": "pam_rootok.so", "state": "present", "control": None, **given}


NONE = {"feature": None, "control": None}


def hold(
    root: Path,
    program: PamAuthUpdate,
    *,
    check: bool = False,
    expected: tuple[str, ...] = (),
    **wanted: list[dict[str, Any]],
) -> tuple[list[Outcome], Pam]:
    """Do what the module does."""
    drafts = Drafts(root)
    options = {"profiles": [], "arguments": [], "rules": [], "expected": list(expected), **wanted}
    pam = Pam(options, drafts, program, root=root, check=check)
    pam.decide_profiles()
    pam.decide_lines()
    if not check:
        for change in drafts.changes():
            if change.name in pam.files:
                change.apply(MODULE)
        if pam.profiles:
            update(pam.profiles, program)
        for change in drafts.changes():
            change.apply(MODULE)
    return pam.outcomes, pam


def seen(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_profile_takes_part_after_it_was_tried_and_stays_so(root: Path, program: PamAuthUpdate) -> None:
    before = seen(root)
    said, _rest = hold(root, program, check=True, profiles=[profile(**FAILLOCK)])
    assert seen(root) == before and len(program.calls) == 1

    done, _rest = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert said == done == [Outcome(None, "own-faillock", "changed", "the profile did not take part")]
    assert program.calls[-1] == ["pam-auth-update", "--package", "--enable", "own-faillock"]
    assert (root / "usr/share/pam-configs/own-faillock").read_text() == (
        "Name: own-faillock\nDefault: yes\nPriority: 1024\nAuth-Type: Primary\nAuth:\n\trequisite pam_faillock.so preauth\n"
    )
    assert (root / "etc/pam.d/common-auth").read_text().startswith("auth\trequisite pam_faillock.so preauth\n")

    program.calls.clear()
    again, pam = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert [one.status for one in again] == ["compliant"] and not program.calls and not pam.profiles


def test_a_profile_that_two_controls_want_takes_part_once(root: Path, program: PamAuthUpdate) -> None:
    outcomes, _rest = hold(root, program, profiles=[profile(**FAILLOCK, control=control) for control in "ab"])
    assert [(one.control, one.status) for one in outcomes] == [("a", "changed"), ("b", "changed")]
    assert program.calls[-1] == ["pam-auth-update", "--package", "--enable", "own-faillock"]


def test_a_profile_that_is_not_wanted_is_disabled(root: Path, program: PamAuthUpdate) -> None:
    hold(root, program, profiles=[profile(**FAILLOCK)])
    (done,), _rest = hold(root, program, profiles=[profile(name="own-faillock", state="disabled")])
    assert (done.status, done.message) == ("changed", "the profile took part")
    assert hold(root, program, profiles=[profile(name="own-faillock", state="disabled")])[0][0].status == "compliant"


def test_a_profile_is_not_added_to_lines_that_do_the_same(root: Path, program: PamAuthUpdate) -> None:
    stack = root / "etc/pam.d/common-auth"
    stack.write_text("auth required pam_faillock.so preauth silent\n" + stack.read_text())
    (done,), _rest = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert done.status == "compliant" and not program.calls
    other = profile(**{**FAILLOCK, "name": "own-authfail", "auth": ["[default=die] pam_faillock.so authfail"]})
    assert hold(root, program, profiles=[other])[0][0].status == "changed"


def test_a_profile_with_other_lines_than_before_is_made_anew(root: Path, program: PamAuthUpdate) -> None:
    hold(root, program, profiles=[profile(**FAILLOCK)])
    (done,), _rest = hold(root, program, profiles=[profile(**{**FAILLOCK, "priority": 1})])
    assert (done.status, done.message) == ("changed", "the profile had other lines")


def test_stacks_that_were_changed_by_hand_are_left_alone_and_told_of(root: Path, program: PamAuthUpdate) -> None:
    program.refuses = True
    before = seen(root)
    (done,), pam = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert done.status == "failed" and not pam.profiles and seen(root) == before
    assert "put there by hand" in done.message and "auth\trequisite\tpam_faillock.so preauth" in done.message


def test_a_module_or_package_that_is_missing_is_told_and_may_be_expected_in_check_mode(
    root: Path, program: PamAuthUpdate
) -> None:
    pwquality = profile(name="pwquality")
    strict = profile(name="own", password=["requisite pam_pwquality.so"])
    retry = arguments("pam_pwquality.so", set={"retry": 3})
    outcomes, _rest = hold(root, program, profiles=[pwquality, strict], arguments=[retry])
    assert [(one.status, one.message) for one in outcomes] == [
        ("failed", "there is no profile pwquality; install the package that brings it"),
        ("failed", "pam_pwquality.so is not installed"),
        ("failed", "pam_pwquality.so is called nowhere"),
    ]
    wanted: dict[str, Any] = {"profiles": [pwquality, strict], "arguments": [retry]}
    expected, _rest = hold(root, program, check=True, expected=("pam_pwquality.so",), **wanted)
    assert [one.status for one in expected] == ["compliant", "changed", "changed"]
    (expected,), _rest = hold(root, program, check=True, expected=("pam_pwquality.so",), arguments=[retry])
    assert (expected.status, expected.message) == ("compliant", "comes with a package that is not installed yet")
    assert hold(root, program, expected=("pam_pwquality.so",), **wanted)[0] == outcomes


def test_no_change_of_passwords_becomes_impossible(root: Path, program: PamAuthUpdate) -> None:
    before = seen(root)
    history = profile(name="own", password=["requisite pam_pwhistory.so use_authtok"])
    token = arguments(types=["password"], services=["common-password"], set={"use_authtok": True})
    outcomes, _rest = hold(root, program, profiles=[history], arguments=[token])
    assert [one.status for one in outcomes] == ["failed", "failed"]
    assert all("no password could be changed any more" in one.message for one in outcomes)
    assert seen(root) == before
    asks = profile(name="own", password=["requisite pam_pwhistory.so"])
    outcomes, _rest = hold(root, program, profiles=[asks], arguments=[token])
    assert [one.status for one in outcomes] == ["changed", "changed"]
    assert (root / "etc/pam.d/common-password").read_text() == (
        "password\trequisite pam_pwhistory.so\n"
        "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt use_authtok\n"
    )


def test_arguments_change_wherever_a_module_is_called_and_once(root: Path, program: PamAuthUpdate) -> None:
    (root / "etc/pam.d/vsftpd").write_text("auth required pam_unix.so nullok\n")
    (root / "etc/pam.d/su.dpkg-old").write_text("auth required pam_unix.so nullok\n")
    wanted = [
        arguments(remove=["nullok"], control="nullok"),
        arguments(types=["password"], set={"rounds": 65536, "obscure": False}, control="hash"),
        arguments("pam_other.so", remove=["debug"]),
        arguments(services=["login"], set={"debug": True}),
    ]
    outcomes, _rest = hold(root, program, arguments=wanted)
    assert [(one.control, one.item, one.status, one.message) for one in outcomes] == [
        ("nullok", "pam_unix.so nullok", "changed", "common-auth had nullok, vsftpd had nullok"),
        ("hash", "pam_unix.so rounds obscure", "changed", "common-password had obscure yescrypt"),
        (None, "pam_other.so debug", "compliant", ""),
        (None, "pam_unix.so debug", "not_applicable", "there is no such service"),
    ]
    assert (root / "etc/pam.d/common-auth").read_text() == "auth\t[success=1 default=ignore]\tpam_unix.so\n"
    assert (root / "etc/pam.d/common-password").read_text().endswith("pam_unix.so yescrypt rounds=65536\n")
    assert "nullok" in (root / "etc/pam.d/su.dpkg-old").read_text()
    assert [one.status for one in hold(root, program, arguments=wanted[:3])[0]] == ["compliant"] * 3


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"arguments": [arguments(set={"rounds": 1}), arguments(set={"rounds": 2})]},
            "rounds of pam_unix.so is wanted",
        ),
        ({"arguments": [arguments(set={"a": 1}, remove=["a"])]}, "a is to be set and to go"),
        (
            {"profiles": [profile(**FAILLOCK), profile(**{**FAILLOCK, "priority": 1})]},
            "own-faillock is wanted in two ways",
        ),
        ({"profiles": [profile(name="../x")]}, r"'\.\./x' is no name"),
        ({"profiles": [profile(name="x", auth=["required"])]}, "x: 'required' calls no module"),
        ({"rules": [rule(module="pam_wheel.so x")]}, "is no line of PAM"),
        ({"rules": [rule(service="../shadow")]}, "is no line of PAM"),
    ],
)
def test_what_cannot_be_meant_is_refused(root: Path, program: PamAuthUpdate, wanted: Any, message: str) -> None:
    before = seen(root)
    with pytest.raises(Fault, match=message):
        hold(root, program, **wanted)
    assert seen(root) == before


def test_a_service_has_its_line_and_loses_it(root: Path, program: PamAuthUpdate) -> None:
    wanted = [rule(control="su"), rule(service="none"), rule(module="pam_missing.so")]
    outcomes, _rest = hold(root, program, rules=wanted)
    assert [(one.control, one.item, one.status, one.message) for one in outcomes] == [
        ("su", "su: auth pam_wheel.so", "changed", "the line was missing"),
        (None, "none: auth pam_wheel.so", "not_applicable", "there is no /etc/pam.d/none"),
        (None, "su: auth pam_missing.so", "failed", "pam_missing.so is not installed"),
    ]
    su = root / "etc/pam.d/su"
    assert su.read_text() == "auth sufficient pam_rootok.so\nauth\trequired\tpam_wheel.so use_uid\n"
    assert hold(root, program, rules=wanted)[0][0].status == "compliant"
    assert hold(root, program, rules=[rule(state="absent", arguments=[])])[0][0].status == "changed"
    assert su.read_text() == "auth sufficient pam_rootok.so\n"
    assert hold(root, program, rules=[rule(state="absent", arguments=[])])[0][0].status == "compliant"


def test_two_lines_of_the_same_module_do_not_replace_each_other(root: Path, program: PamAuthUpdate) -> None:
    wanted = [rule(arguments=["use_uid"]), rule(flag="sufficient", arguments=["trust"])]
    assert [one.status for one in hold(root, program, rules=wanted)[0]] == ["changed", "changed"]
    assert [one.status for one in hold(root, program, rules=wanted)[0]] == ["compliant", "compliant"]


def test_authselect_has_its_features_and_its_files(root: Path, program: PamAuthUpdate) -> None:
    (root / "etc/authselect").mkdir()
    (root / "etc/authselect/authselect.conf").write_text("sssd\nwith-faillock\n")
    generated = "# Generated by authselect on Mon\nauth required pam_unix.so nullok\n"
    (root / "etc/pam.d/system-auth").write_text(generated)
    system = ["system-auth"]
    outcomes, pam = hold(
        root,
        program,
        profiles=[
            profile(**{**FAILLOCK, "feature": "with-faillock"}),
            profile(name="own-history", password=["requisite pam_pwhistory.so"], feature="with-pwhistory"),
            profile(name="other", auth=["required pam_other.so"]),
        ],
        arguments=[
            arguments(remove=["nullok"], feature="without-nullok", services=system),
            arguments(set={"rounds": 1}, services=system),
        ],
        rules=[rule(service="system-auth")],
    )
    assert [one.status for one in outcomes] == ["compliant", "changed", "failed", "changed", "failed", "failed"]
    assert pam.features == ["with-pwhistory", "without-nullok"] and not program.calls
    assert (root / "etc/pam.d/system-auth").read_text() == generated


PLACES = "my $inputdir = '/usr/share/pam-configs';\nmy $confdir = '/etc/pam.d';\nmy $savedir = '/var/lib/pam';\n"


@pytest.mark.parametrize("new", ["", '$inputdir = "${rootdir}$inputdir";\n'])
def test_a_program_that_does_not_know_of_other_roots_is_tried_as_a_copy(
    root: Path, program: PamAuthUpdate, new: str
) -> None:
    (root / "usr/sbin").mkdir()
    (root / "usr/sbin/pam-auth-update").write_text(PLACES + new)
    (done,), _rest = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert done.status == "changed" and "pam_faillock" in (root / "etc/pam.d/common-auth").read_text()
    trial, real = program.calls
    assert (trial[0] == "pam-auth-update", "--root" in trial) == (bool(new), bool(new))
    assert real[0] == "pam-auth-update" and "--root" not in real
    assert [path.name for path in (root / "var/lib").iterdir()] == ["pam"]


@pytest.mark.parametrize(("answer", "status"), [((0, "with-faillock\n", ""), "failed"), ((1, "", "?"), "changed")])
def test_a_feature_that_the_profile_does_not_have_is_told(
    root: Path, program: PamAuthUpdate, answer: tuple[int, str, str], status: str
) -> None:
    (root / "etc/authselect").mkdir()
    (root / "etc/authselect/authselect.conf").write_text("sssd\n")
    program.authselect = answer
    wanted = profile(name="own-history", password=["requisite pam_pwhistory.so"], feature="with-pwhistory")
    (done,), pam = hold(root, program, profiles=[wanted])
    assert done.status == status and (status == "changed") is (pam.features == ["with-pwhistory"])
    assert status == "changed" or done.message == "the profile sssd of authselect has no feature with-pwhistory"


def test_a_feature_that_authselect_refuses_is_told_and_does_not_end_the_rest(
    root: Path, program: PamAuthUpdate
) -> None:
    (root / "etc/authselect").mkdir()
    (root / "etc/authselect/authselect.conf").write_text("sssd\n")
    wanted = [profile(**{**FAILLOCK, "feature": "with-faillock"}), profile(name="own", feature="with-pwhistory")]
    _rest, pam = hold(root, program, profiles=wanted)
    refused = _authselect.enable(
        list(pam.features), lambda line: (3, "", "edited by hand") if line[-1] == "with-faillock" else (0, "", "")
    )
    for feature, why in refused.items():
        pam.refused(feature, why)
    assert [one.status for one in pam.outcomes] == ["failed", "changed"] and pam.features == ["with-pwhistory"]
    assert pam.outcomes[0].message == "authselect enable-feature with-faillock ended with 3: edited by hand"


def test_a_machine_without_either_says_so(root: Path, program: PamAuthUpdate) -> None:
    (root / "usr/share/pam-configs/unix").unlink()
    (done,), _rest = hold(root, program, profiles=[profile(**FAILLOCK)])
    assert done.message.startswith("neither pam-auth-update nor authselect makes the stacks here.")


def test_a_failure_of_pam_auth_update_is_told(root: Path) -> None:
    def broken(_command: list[str], _environment: dict[str, str]) -> tuple[int, str, str]:
        return 2, "", "no perl\n"

    (done,), _rest = hold(root, broken, profiles=[profile(**FAILLOCK)])  # type: ignore[arg-type]
    assert (done.status, done.message) == (
        "failed",
        "pam-auth-update --package --enable own-faillock ended with 2: no perl",
    )
    with pytest.raises(Fault, match="ended with 2"):
        update([Profile.wanted(profile(**FAILLOCK))], broken)
