# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of /etc/pam.d are read, and changed in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._pam_text import Line, Stack, changed

SU = """# The PAM configuration file for the Shadow `su' service
auth       sufficient pam_rootok.so

# auth       required   pam_wheel.so
# auth       sufficient pam_wheel.so trust
# auth       required   pam_wheel.so deny group=nosu
session       required   pam_env.so readenv=1
session       required   pam_env.so readenv=1 envfile=/etc/default/locale
@include common-auth
@include common-account
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("auth required pam_unix.so", Line("auth", "required", "pam_unix.so")),
        (
            "auth\t[success=1 default=ignore]\tpam_unix.so nullok  # why",
            Line("auth", "[success=1 default=ignore]", "pam_unix.so", ("nullok",)),
        ),
        (
            "-session optional /lib/security/pam_x.so a=1",
            Line("-session", "optional", "/lib/security/pam_x.so", ("a=1",)),
        ),
        (
            "auth required pam_mysql.so [query=select a, b] x",
            Line("auth", "required", "pam_mysql.so", ("[query=select a, b]", "x")),
        ),
        ("account required \\\n pam_x.so a", Line("account", "required", "pam_x.so", ("a",))),
        ("# auth required pam_unix.so", None),
        ("@include common-auth", None),
        ("auth required", None),
        ("", None),
    ],
)
def test_a_line_is_read_as_pam_reads_it(text: str, line: Line | None) -> None:
    assert Line.parse(text) == line


WORDS = st.text(st.sampled_from("ab_=/.[] #\\\t\n@-"), max_size=30)
LINES = st.one_of(WORDS, st.sampled_from(SU.split("\n")), st.just("auth [a=1 b=2] pam_wheel.so x"))


@given(st.lists(LINES).map("\n".join))
def test_any_file_comes_back_as_it_was(text: str) -> None:
    assert Stack(text).text == text


WANTED = st.builds(
    Line,
    st.sampled_from(["auth", "session"]),
    st.sampled_from(["required", "[success=1 default=ignore]"]),
    st.sampled_from(["pam_wheel.so", "pam_env.so", "pam_new.so"]),
    st.lists(st.sampled_from(["use_uid", "group=sudo", "readenv=1"]), unique=True).map(tuple),
)


@given(st.lists(LINES).map("\n".join), WANTED, st.sampled_from([None, "pam_rootok.so"]))
def test_a_line_that_is_wanted_is_there_once_and_goes_again(text: str, wanted: Line, after: str | None) -> None:
    stack = Stack(text)
    moved = stack.hold(wanted, after)
    assert [line for _rest, line in Stack(stack.text).calls() if line.does(wanted)]
    assert not Stack(stack.text).hold(wanted, after)
    assert moved is (stack.text != text)
    stack = Stack(stack.text)
    assert stack.drop(wanted) and not Stack(stack.text).drop(wanted)
    assert not [line for _rest, line in Stack(stack.text).calls() if line.does(wanted)]


def test_a_comment_that_holds_the_line_becomes_it() -> None:
    stack = Stack(SU)
    assert stack.hold(Line("auth", "required", "pam_wheel.so", ("use_uid", "group=sudo")), "pam_rootok.so")
    assert stack.text == SU.replace(
        "# auth       required   pam_wheel.so\n", "auth\trequired\tpam_wheel.so use_uid group=sudo\n"
    )


def test_a_new_line_comes_behind_a_module_or_before_all_of_its_type() -> None:
    new = Line("auth", "required", "pam_new.so")
    for after, before in (("pam_rootok.so", "\n# auth       required   pam_wheel.so"), (None, "auth       sufficient")):
        stack = Stack(SU)
        assert stack.hold(new, after)
        assert str(new) + "\n" + before in stack.text
    stack = Stack(SU)
    assert stack.hold(Line("account", "required", "pam_new.so"))
    assert "account\trequired\tpam_new.so\n@include common-account" in stack.text
    stack = Stack("auth required pam_x.so\n")
    assert stack.hold(Line("session", "required", "pam_new.so"))
    assert stack.text == "auth required pam_x.so\nsession\trequired\tpam_new.so\n"


def test_the_only_line_is_replaced_and_one_of_several_is_not() -> None:
    stack = Stack("auth sufficient pam_wheel.so trust\n" + SU)
    assert stack.hold(Line("auth", "required", "pam_wheel.so"))
    assert stack.text == "auth\trequired\tpam_wheel.so\n" + SU
    envs = [Line("session", "required", "pam_env.so", arguments) for arguments in (("a",), ("b",))]
    stack = Stack("session required pam_env.so a\n")
    assert stack.hold(envs[1], others=envs[:1]) and not stack.hold(envs[0], others=envs[1:])
    assert len(list(stack.calls())) == 2


def test_blanks_stay_where_only_arguments_change() -> None:
    stack = Stack("auth\t[success=1  default=ignore]\t\tpam_unix.so   nullok x # why\n")
    ((index, line),) = stack.calls()
    stack.put(index, Line(line.type, line.control, line.module, ("x",)))
    assert stack.text == "auth\t[success=1  default=ignore]\t\tpam_unix.so x\n"


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("password required pam_unix.so use_authtok", True),
        ("auth required pam_x.so\npassword required pam_y.so\npassword required pam_unix.so use_authtok", False),
        ("auth required pam_x.so use_authtok", False),
        ("", False),
    ],
)
def test_a_stack_that_takes_a_password_nobody_asked_for_is_known(text: str, nothing: bool) -> None:
    assert Stack(text).takes_nothing is nothing


def test_arguments_are_set_and_taken_out_in_place() -> None:
    has = ["obscure", "nullok", "remember=5", "remember=6", "yescrypt"]
    wanted = {"nullok": None, "remember": "24", "use_authtok": "", "gone": None}
    assert changed(has, wanted) == ("obscure", "remember=24", "yescrypt", "use_authtok")


ARGUMENTS = st.lists(st.sampled_from(["a", "b", "a=1", "b=2", "c=3", "c"]))
CHANGES = st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, "", "1"]))


@given(ARGUMENTS, CHANGES)
def test_arguments_are_as_wanted_and_others_as_they_were(has: list[str], wanted: dict[str, str | None]) -> None:
    gets = changed(has, wanted)
    assert changed(gets, wanted) == gets
    for name, value in wanted.items():
        told = [one for one in gets if one.partition("=")[0] == name]
        assert told == ([] if value is None else [f"{name}={value}" if value else name])
    assert [one for one in gets if one[0] not in wanted] == [one for one in has if one[0] not in wanted]
