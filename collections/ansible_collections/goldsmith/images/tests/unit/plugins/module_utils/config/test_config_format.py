# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files without sections: a key and a value on a line, the last of which holds."""

from __future__ import annotations

from typing import Any

import pytest

LOGIN_DEFS = """\
# UMASK is the default umask value for pam_umask and is used by
# useradd and newusers to set the mode of the new home directories.
#	UMASK		Default "umask" value.
MAIL_DIR        /var/mail
UMASK		022
#HOME_MODE	0700
# UMASK 077
ENCRYPT_METHOD SHA512
"""


def statuses(outcomes: list[Any]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_a_value_is_changed_where_it_stands_and_prose_is_left_alone(root: Any, file: Any) -> None:
    root.write({"/etc/login.defs": LOGIN_DEFS})
    outcomes = root.settle(
        file("/etc/login.defs", "space", {"key": "UMASK", "value": "027", "control": "umask"}, {"key": "X", "value": 1})
    )
    assert root.read("/etc/login.defs") == LOGIN_DEFS.replace("UMASK\t\t022", "UMASK\t\t027") + "X 1\n"
    assert [outcome.row() for outcome in outcomes] == [
        {"control": "umask", "item": "/etc/login.defs: UMASK", "status": "changed", "message": "was 022"},
        {"control": None, "item": "/etc/login.defs: X", "status": "changed", "message": "was not set"},
    ]


def test_a_default_that_is_a_comment_is_replaced_at_its_place(root: Any, file: Any) -> None:
    root.write({"/etc/login.defs": LOGIN_DEFS})
    root.settle(file("/etc/login.defs", "space", {"key": "HOME_MODE", "value": "0750"}))
    assert root.read("/etc/login.defs") == LOGIN_DEFS.replace("#HOME_MODE\t0700", "HOME_MODE\t0750")


def test_prose_that_begins_with_the_key_is_no_default(root: Any, file: Any) -> None:
    text = "# UMASK is the default\n#\tUMASK\t\tDefault\n## UMASK 1 2\n"
    root.write({"/etc/login.defs": text})
    root.settle(file("/etc/login.defs", "space", {"key": "UMASK", "value": "027"}, separator="\t"))
    assert root.read("/etc/login.defs") == f"{text}UMASK\t027\n"


def test_what_may_be_prose_stays_above_the_new_line(root: Any, file: Any) -> None:
    root.write({"/etc/file": "first\n# FAKE_SHELL /bin/fakeshell\nlast\n", "/etc/end": "# a comment"})
    root.settle(
        file("/etc/file", "space", {"key": "FAKE_SHELL", "value": "/bin/x"}),
        file("/etc/end", "space", {"key": "a", "value": "1"}),
    )
    assert root.read("/etc/file") == "first\n# FAKE_SHELL /bin/fakeshell\nFAKE_SHELL /bin/x\nlast\n"
    assert root.read("/etc/end") == "# a comment\na 1\n"


def test_of_several_lines_the_last_is_kept_and_those_that_differ_become_comments(root: Any, file: Any) -> None:
    root.write({"/etc/login.defs": "UMASK 1\nUMASK 027\nUMASKS 1\nUMASK 2"})
    outcomes = root.settle(file("/etc/login.defs", "space", {"key": "UMASK", "value": "027"}))
    assert root.read("/etc/login.defs") == "# goldsmith: UMASK 1\nUMASK 027\nUMASKS 1\nUMASK 027\n"
    assert outcomes[0].message == "was 2; was set otherwise in /etc/login.defs"


def test_what_is_to_be_absent_becomes_a_comment_everywhere(root: Any, file: Any) -> None:
    root.write({"/etc/shells": "/bin/sh\n/usr/sbin/nologin\n", "/etc/more.d/a": "/usr/sbin/nologin\n"})
    settings = [{"key": "/usr/sbin/nologin", "absent": True}, {"key": "/sbin/nologin", "absent": True}]
    outcomes = root.settle(file("/etc/shells", "space", *settings, also=["/etc/more.d/*"]))
    assert root.read("/etc/shells") == "/bin/sh\n# goldsmith: /usr/sbin/nologin\n"
    assert root.read("/etc/more.d/a") == "# goldsmith: /usr/sbin/nologin\n"
    assert statuses(outcomes) == ["changed", "compliant"]


def test_an_equals_sign_keeps_the_form_it_has_and_a_new_line_gets_the_usual_one(root: Any, file: Any) -> None:
    text = "# minlen = 8\ndifok=1\n# Enabled if option is present.\n# enforce_for_root\nretry = '3'\n"
    root.write({"/etc/security/pwquality.conf": text})
    settings = [
        {"key": "minlen", "value": 14},
        {"key": "difok", "value": 2},
        {"key": "enforce_for_root", "value": ""},
        {"key": "retry", "value": 3},
        {"key": "dcredit", "value": -1},
    ]
    outcomes = root.settle(file("/etc/security/pwquality.conf", "equals", *settings))
    assert root.read("/etc/security/pwquality.conf") == (
        "minlen = 14\ndifok=2\n# Enabled if option is present.\nenforce_for_root\nretry = '3'\ndcredit = -1\n"
    )
    assert statuses(outcomes) == ["changed", "changed", "changed", "compliant", "changed"]


def test_a_file_of_the_shell_has_no_blanks_and_its_quotes_do_not_count(root: Any, file: Any) -> None:
    root.write({"/etc/default/useradd": '# INACTIVE=-1\nSHELL="/bin/sh"\n'})
    settings = [{"key": "INACTIVE", "value": 30}, {"key": "SHELL", "value": "/bin/sh"}, {"key": "X", "value": "'a b'"}]
    outcomes = root.settle(file("/etc/default/useradd", "equals", *settings, separator="="))
    assert root.read("/etc/default/useradd") == "INACTIVE=30\nSHELL=\"/bin/sh\"\nX='a b'\n"
    assert statuses(outcomes) == ["changed", "compliant", "changed"]


def test_a_key_alone_and_a_key_with_a_value_take_each_others_place(root: Any, file: Any) -> None:
    root.write({"/etc/security/faillock.conf": "audit = 0\ndeny\n"})
    settings = [{"key": "audit", "value": ""}, {"key": "deny", "value": "3"}]
    root.settle(file("/etc/security/faillock.conf", "equals", *settings))
    assert root.read("/etc/security/faillock.conf") == "audit\ndeny = 3\n"


def test_limits_in_later_files_do_not_have_the_last_word(root: Any, file: Any) -> None:
    root.write(
        {
            "/etc/security/limits.conf": "#*               hard    core            100\nroot - core 1\n",
            "/etc/security/limits.d/50-a.conf": "* - core unlimited\n* soft core 7\nuser hard core 1\n* - core 0\n",
            "/etc/security/limits.d/a.bak": "* hard core 1\n",
        }
    )
    settings = [{"key": "* hard core", "value": 0}, {"key": "root hard core", "value": 0}]
    outcomes = root.settle(file("/etc/security/limits.conf", "limits", *settings))
    assert root.read("/etc/security/limits.conf") == (
        "*               hard    core            0\nroot - core 1\nroot hard core 0\n"
    )
    assert root.read("/etc/security/limits.d/50-a.conf") == (
        "# goldsmith: * - core unlimited\n* soft core 7\nuser hard core 1\n* - core 0\n"
    )
    assert outcomes[0].message == "was not set; was set otherwise in /etc/security/limits.d/50-a.conf"


def test_a_drop_in_holds_all_and_later_files_of_its_directory_obey(root: Any, file: Any) -> None:
    root.write(
        {
            "/etc/app.conf": "a = 0\n",
            "/etc/app.d/10.conf": "a = 0\n",
            "/etc/app.d/50.conf": "stale = 1\n",
            "/etc/app.d/90.conf": "a = 0\nb = 0\n",
        }
    )
    outcomes = root.settle(
        file("/etc/app.conf", "equals", {"key": "a", "value": "1"}, drop_in="/etc/app.d/50.conf", mode="0600")
    )
    assert root.read("/etc/app.conf") == root.read("/etc/app.d/10.conf") == "a = 0\n"
    assert root.read("/etc/app.d/50.conf").splitlines()[1:] == ["a = 1"]
    assert root.read("/etc/app.d/90.conf") == "# goldsmith: a = 0\nb = 0\n"
    assert outcomes[0].message == "was 0; was set otherwise in /etc/app.d/90.conf"
    assert f"{(root.path / 'etc/app.d/50.conf').stat().st_mode & 0o777:o}" == "600"


def test_a_missing_file_does_not_apply_unless_it_is_to_be_made(root: Any, file: Any) -> None:
    setting = {"key": "a", "value": "1"}
    (outcome,) = root.settle(file("/etc/missing.conf", "equals", setting))
    assert (outcome.status, outcome.message, root.files()) == ("not_applicable", "there is no /etc/missing.conf", {})
    (outcome,) = root.settle(file("/etc/missing.conf", "equals", setting, create=True))
    assert (outcome.status, root.files()) == ("changed", {"/etc/missing.conf": "a = 1\n"})


def test_check_mode_foretells_and_changes_nothing(root: Any, file: Any) -> None:
    root.write({"/etc/login.defs": LOGIN_DEFS})
    wanted = file(
        "/etc/login.defs", "space", {"key": "UMASK", "value": "027"}, {"key": "MAIL_DIR", "value": "/var/mail"}
    )
    foretold = root.settle(wanted, check=True)
    assert root.files() == {"/etc/login.defs": LOGIN_DEFS}
    assert foretold == root.settle(wanted)


def test_a_link_to_another_file_of_the_administrator_is_followed_and_one_elsewhere_is_not(root: Any, file: Any) -> None:
    root.write({"/etc/real.conf": "a = 0\n", "/usr/share/vendor.conf": "a = 0\n"})
    (root.path / "etc/linked.conf").symlink_to("real.conf")
    (root.path / "etc/vendor.conf").symlink_to("../usr/share/vendor.conf")
    setting = {"key": "a", "value": "1"}
    outcomes = root.settle(file("/etc/linked.conf", "equals", setting), file("/etc/vendor.conf", "equals", setting))
    assert root.read("/etc/real.conf") == "a = 1\n" and (root.path / "etc/linked.conf").is_symlink()
    assert root.read("/usr/share/vendor.conf") == "a = 0\n"
    assert statuses(outcomes) == ["changed", "failed"]
    assert "/usr/share/vendor.conf says otherwise, and is not the administrator's to change" in outcomes[1].message


@pytest.mark.parametrize("text", ["", "\n", "# a comment", "b 1\r\n"])
def test_a_line_is_added_to_any_file(root: Any, file: Any, text: str) -> None:
    (root.path / "etc").mkdir()
    (root.path / "etc/file").write_bytes(text.encode())
    root.settle(file("/etc/file", "space", {"key": "a", "value": "1"}))
    written = (root.path / "etc/file").read_bytes().decode()
    assert written.startswith(text) and written.splitlines()[-1] == "a 1"
