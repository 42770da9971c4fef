# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server's configuration: what comes first holds, files are included, and ``Match`` begins a block."""

from __future__ import annotations

from typing import Any

import pytest

MAIN = "/etc/ssh/sshd_config"
OURS = "/etc/ssh/sshd_config.d/00-goldsmith.conf"
TEXT = """\
# See sshd_config(5) for more information.

Include /etc/ssh/sshd_config.d/*.conf

#Port 22
# Ciphers and keying
#PermitRootLogin prohibit-password
X11Forwarding yes
Subsystem	sftp	/usr/lib/openssh/sftp-server

# Example of overriding settings on a per-user basis
#Match User anoncvs
#	X11Forwarding no
"""
ROOT = {"key": "PermitRootLogin", "value": False}
X11 = {"key": "X11Forwarding", "value": "no"}


def body(text: str) -> list[str]:
    """The lines of a file of ours, without its header."""
    return text.splitlines()[1:]


def test_a_value_is_changed_where_it_stands_or_stands_as_a_comment(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    outcomes = root.settle(file(MAIN, "directive", ROOT, X11, {"key": "Ciphers", "value": "a,b"}))
    assert root.read(MAIN) == (
        TEXT.replace("#PermitRootLogin prohibit-password", "PermitRootLogin no")
        .replace("X11Forwarding yes", "X11Forwarding no")
        .replace("sftp-server\n", "sftp-server\nCiphers a,b\n")
    )
    assert [outcome.message for outcome in outcomes] == ["was not set", "was yes", "was not set"]


def test_of_several_lines_the_first_holds(root: Any, file: Any) -> None:
    root.write({MAIN: "x11forwarding=yes\nX11Forwarding no\nX11Forwarding yes\n"})
    (outcome,) = root.settle(file(MAIN, "directive", X11))
    assert root.read(MAIN) == "x11forwarding=no\nX11Forwarding no\n# goldsmith: X11Forwarding yes\n"
    assert outcome.message.startswith("was yes")


def test_what_is_included_before_obeys_and_what_comes_later_has_no_say(root: Any, file: Any) -> None:
    folder = "/etc/ssh/sshd_config.d"
    before = {
        MAIN: f"X11Forwarding no\nInclude {folder}/*.conf\nPermitRootLogin yes\n",
        f"{folder}/10.conf": "PermitRootLogin yes\nX11Forwarding yes\nBanner none\n",
        f"{folder}/.hidden.conf": "PermitRootLogin yes\n",
    }
    root.write(before)
    root.settle(file(MAIN, "directive", ROOT, X11))
    assert root.read(MAIN) == f"X11Forwarding no\nInclude {folder}/*.conf\nPermitRootLogin no\n"
    assert root.read(f"{folder}/10.conf") == "# goldsmith: PermitRootLogin yes\nX11Forwarding yes\nBanner none\n"
    assert root.read(f"{folder}/.hidden.conf") == "PermitRootLogin yes\n"


def test_a_drop_in_comes_before_the_rest_and_those_before_it_obey(root: Any, file: Any) -> None:
    folder = "/etc/ssh/sshd_config.d"
    root.write({MAIN: f"PermitRootLogin yes\n{TEXT}", f"{folder}/00-a.conf": "X11Forwarding yes\nBanner none\n"})
    root.write({f"{folder}/50-cloud-init.conf": "PermitRootLogin yes\n", OURS: "Stale yes\n"})
    outcomes = root.settle(file(MAIN, "directive", ROOT, X11, drop_in=OURS, mode="0600"))
    assert root.read(MAIN) == f"# goldsmith: PermitRootLogin yes\n{TEXT}"
    assert root.read(f"{folder}/00-a.conf") == "# goldsmith: X11Forwarding yes\nBanner none\n"
    assert root.read(f"{folder}/50-cloud-init.conf") == "PermitRootLogin yes\n"
    assert body(root.read(OURS)) == ["PermitRootLogin no", "X11Forwarding no"]
    assert outcomes[0].message == f"was yes; was set otherwise in {MAIN}"


@pytest.mark.parametrize("before", ["PermitRootLogin yes\n", "Match User a\nInclude sshd_config.d/*.conf\n"])
def test_a_drop_in_that_is_not_read_for_all_is_included_first(root: Any, file: Any, before: str) -> None:
    root.write({MAIN: f"# a note\n{before}"})
    root.settle(file(MAIN, "directive", ROOT, drop_in=OURS))
    assert root.read(MAIN) == f"# a note\nInclude {OURS}\n{before}"


def test_a_relative_pattern_is_of_etc_ssh_and_several_stand_on_a_line(root: Any, file: Any) -> None:
    root.write({MAIN: 'Include "extra.conf" more.d/*\nPermitRootLogin no\n'})
    root.write({"/etc/ssh/extra.conf": "X11Forwarding yes\n", "/etc/ssh/more.d/a": "PermitRootLogin yes\n"})
    root.settle(file(MAIN, "directive", ROOT, X11))
    assert root.read("/etc/ssh/extra.conf") == "# goldsmith: X11Forwarding yes\n"
    assert root.read("/etc/ssh/more.d/a") == "# goldsmith: PermitRootLogin yes\n"


def test_a_block_of_others_stays_and_is_told(root: Any, file: Any) -> None:
    text = "X11Forwarding no\nMatch Group admins\n    X11Forwarding yes\nMatch User b\n    X11Forwarding no\n"
    root.write({MAIN: text})
    (outcome,) = root.settle(file(MAIN, "directive", X11))
    assert root.read(MAIN) == text
    assert (outcome.status, outcome.message) == ("compliant", f"for group admins it is yes, in {MAIN}")


def test_a_line_of_a_block_is_none_of_the_server(root: Any, file: Any) -> None:
    root.write({MAIN: "Port 22\n# about b\nMatch User b\n    X11Forwarding no\n"})
    root.settle(file(MAIN, "directive", X11))
    assert root.read(MAIN) == "Port 22\nX11Forwarding no\n# about b\nMatch User b\n    X11Forwarding no\n"


def test_the_block_that_is_of_all_has_no_other_say(root: Any, file: Any) -> None:
    root.write({MAIN: "X11Forwarding no\nMatch all\nX11Forwarding yes\nBanner none\n"})
    (outcome,) = root.settle(file(MAIN, "directive", X11))
    assert root.read(MAIN) == "X11Forwarding no\nMatch all\n# goldsmith: X11Forwarding yes\nBanner none\n"
    assert outcome.status == "changed"


def test_settings_of_a_block_go_into_it_and_a_missing_one_is_made(root: Any, file: Any) -> None:
    root.write({MAIN: "Port 22\nMatch user=backup\n    ForceCommand x\n\nMatch User other\n    PermitTTY no\n"})
    settings = [
        {**X11, "match": "User backup"},
        {"key": "ForceCommand", "value": "y", "match": "user  backup"},
        {"key": "PermitTTY", "value": "no", "match": "LocalPort 22 Address 10.0.0.0/8"},
    ]
    outcomes = root.settle(file(MAIN, "directive", *settings))
    assert root.read(MAIN) == (
        "Port 22\nMatch user=backup\n    ForceCommand y\n    X11Forwarding no\n\nMatch User other\n    PermitTTY no\n"
        "\nMatch LocalPort 22 Address 10.0.0.0/8\n    PermitTTY no\n"
    )
    assert outcomes[0].item == f"{MAIN}: Match User backup: X11Forwarding"


def test_in_a_drop_in_blocks_come_last(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    root.settle(file(MAIN, "directive", {**X11, "match": "User a", "value": "yes"}, X11, drop_in=OURS))
    assert body(root.read(OURS)) == ["X11Forwarding no", "", "Match User a", "    X11Forwarding yes"]


def test_keywords_whose_lines_add_up_are_left_with_one(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT + "AllowUsers a\nAllowUsers b\nAcceptEnv LANG LC_*\n"})
    settings = [{"key": "AllowUsers", "value": "b"}, {"key": "AcceptEnv", "value": "LANG  LC_*"}]
    outcomes = root.settle(file(MAIN, "directive", *settings, drop_in=OURS))
    assert root.read(MAIN) == TEXT + "# goldsmith: AllowUsers a\nAllowUsers b\nAcceptEnv LANG LC_*\n"
    assert [outcome.status for outcome in outcomes] == ["changed", "compliant"]
    assert outcomes[0].message.startswith("was a b")


def test_an_old_name_is_the_same_keyword(root: Any, file: Any) -> None:
    root.write({MAIN: f"ChallengeResponseAuthentication yes\n{TEXT}"})
    setting = {"key": "KbdInteractiveAuthentication", "value": "no"}
    root.settle(file(MAIN, "directive", setting, drop_in=OURS))
    assert root.read(MAIN).startswith("# goldsmith: ChallengeResponseAuthentication yes\n")


def test_a_key_may_have_two_words_and_a_value_quotes_and_a_comment(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT + 'Banner "/etc/issue.net" # warn\n'})
    settings = [{"key": "Subsystem sftp", "value": "internal-sftp"}, {"key": "Banner", "value": "/etc/issue.net"}]
    outcomes = root.settle(file(MAIN, "directive", *settings))
    assert "\nSubsystem	sftp	internal-sftp\n" in root.read(MAIN)
    assert [outcome.status for outcome in outcomes] == ["changed", "compliant"]


def test_files_that_include_each_other_are_told(root: Any, file: Any) -> None:
    root.write({MAIN: f"Include {MAIN}\n"})
    (outcome,) = root.settle(file(MAIN, "directive", X11))
    assert outcome.status == "failed" and "include each other" in outcome.message
    assert root.read(MAIN) == f"Include {MAIN}\n"


def test_a_file_of_a_package_that_is_included_first_is_not_touched(root: Any, file: Any) -> None:
    folder = "/etc/ssh/sshd_config.d"
    root.write(
        {MAIN: f"Include {folder}/*.conf\nInclude /usr/share/ssh/*\nX11Forwarding yes\n", f"{folder}/b.conf": ""}
    )
    root.write({"/usr/share/ssh/a": "Banner a\n", "/usr/share/ssh/b": "MaxSessions 9\n"})
    (root.path / folder[1:] / "a.conf").symlink_to("../../../usr/share/ssh/a")
    banner, sessions = {"key": "Banner", "value": "none"}, {"key": "MaxSessions", "value": 1}
    outcomes = root.settle(file(MAIN, "directive", banner, sessions, X11))
    assert (root.read("/usr/share/ssh/a"), root.read("/usr/share/ssh/b")) == ("Banner a\n", "MaxSessions 9\n")
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "changed"]
    assert "/usr/share/ssh/a says otherwise" in outcomes[0].message and f"from {folder}/a.conf" in outcomes[0].message
    assert "X11Forwarding no\n" in root.read(MAIN)


def test_what_is_to_be_absent_is_so_in_the_servers_part_only(root: Any, file: Any) -> None:
    root.write({MAIN: "PermitTunnel yes\nMatch User a\n    PermitTunnel yes\n"})
    (outcome,) = root.settle(file(MAIN, "directive", {"key": "PermitTunnel", "absent": True}))
    assert root.read(MAIN) == "# goldsmith: PermitTunnel yes\nMatch User a\n    PermitTunnel yes\n"
    assert outcome.message == f"was yes; was set otherwise in {MAIN}; for user a it is yes, in {MAIN}"
