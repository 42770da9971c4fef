# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""_hardening_family: the table, written in Debian's names, in those of another family."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Machine, Wish, select
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_family import configs_of, translated
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import Access

FAMILY = {
    "name": "redhat",
    "packages": {"gdm3": ["gdm"], "kea4": ["kea"], "kea6": ["kea"], "ufw": [], "libpam": ["pam", "authselect"]},
    "units": {"cron.service": "crond.service", "ufw.service": None},
    "paths": {"/etc/network": "/etc/sysconfig/network", "/etc/apt": None},
    "groups": {"shadow": "root"},
    "services": {"common-password": ["system-auth", "password-auth"]},
    "configs": {"bashrc": {"path": "/etc/bashrc"}, "adduser": None, "dnf": {"path": "/etc/dnf/dnf.conf"}},
    "kinds": {"kernel_args": "kernel_arguments"},
    "instead": {"hash": {"login_defs": {"ENCRYPT_METHOD": "SHA512"}}},
    "absent": {"sums": "rpm does it"},
}


def told(control: dict[str, Any]) -> dict[str, Any]:
    rest = {"id": "one", "title": "", "level": 1, "needs": [], **control}
    (found,) = translated([rest], FAMILY)
    return {key: value for key, value in found.items() if rest.get(key) != value or key not in rest}


@pytest.mark.parametrize(
    ("control", "here"),
    [
        ({"packages_absent": ["gdm3", "nginx"]}, {"packages_absent": ["gdm", "nginx"]}),
        ({"packages_absent": ["kea4", "kea6"]}, {"packages_absent": ["kea"]}),
        ({"packages_present": ["libpam"]}, {"packages_present": ["pam", "authselect"]}),
        ({"units": {"cron.service": "enabled"}}, {"units": {"crond.service": "enabled"}}),
        ({"needs": ["package:gdm3"]}, {"needs": ["package:gdm"]}),
        (
            {"needs": ["not:package:gdm3", "path:/etc/network"]},
            {"needs": ["not:package:gdm", "path:/etc/sysconfig/network"]},
        ),
        (
            {"modes": [{"path": "/etc/shadow", "group": ["root", "shadow"]}, {"path": "/etc/apt"}]},
            {"modes": [{"path": "/etc/shadow", "group": ["root"]}]},
        ),
        (
            {"audit": ["-w /etc/network -p wa", "-w /etc/networks -p wa", "-w /etc/apt -p wa"]},
            {"audit": ["-w /etc/sysconfig/network -p wa", "-w /etc/networks -p wa"]},
        ),
        ({"remove": ["/etc/apt", "/etc/at.deny"]}, {"remove": ["/etc/at.deny"]}),
        (
            {"pam_arguments": [{"module": "m", "services": ["common-password", "su"]}]},
            {"pam_arguments": [{"module": "m", "services": ["system-auth", "password-auth", "su"]}]},
        ),
        ({"kernel_args": ["audit=1"]}, {"kernel_arguments": ["audit=1"]}),
        ({"id": "hash", "login_defs": {"ENCRYPT_METHOD": "YESCRYPT"}}, {"login_defs": {"ENCRYPT_METHOD": "SHA512"}}),
        ({"units": {}}, {}),
        ({"sysctl": {"a": 1}}, {}),
    ],
)
def test_names_are_those_of_the_family(control: dict[str, Any], here: dict[str, Any]) -> None:
    assert told(control) == here


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ({"id": "sums", "packages_present": ["debsums"]}, "rpm does it"),
        ({"packages_absent": ["ufw"]}, "there is nothing of the kind on this family of systems"),
        ({"units": {"ufw.service": "enabled"}}, "there is nothing of the kind on this family of systems"),
        ({"adduser": {"DIR_MODE": "0700"}}, "there is nothing of the kind on this family of systems"),
        (
            {"needs": ["family:debian"], "sysctl": {}},
            "it is for systems of the family debian, and this is one of redhat",
        ),
    ],
)
def test_a_control_with_nothing_to_it_here_is_reported_with_the_reason(control: dict[str, Any], why: str) -> None:
    (found,) = translated([{"id": "one", "title": "", "level": 1, "needs": [], "area": "ssh", **control}], FAMILY)
    nothing: frozenset[str] = frozenset()
    machine = Machine(*[nothing] * SETS, choices={}, given=nothing, access=Access(), family="redhat")
    wish = Wish(1, nothing, nothing, {"ssh": True}, nothing, nothing, asked=True)
    assert select([found], machine, wish).statuses == {found["id"]: ("not_applicable", why)}


# How many of a machine's first attributes are sets: has, paths, packages and so on.
SETS = list(Machine.__dataclass_fields__).index("choices")


def test_settings_lie_where_the_family_has_them() -> None:
    configs = {
        "bashrc": {"path": "/etc/bash.bashrc", "format": "space"},
        "adduser": {"path": "x"},
        "sshd": {"path": "y"},
    }
    assert configs_of(configs, FAMILY) == {
        "bashrc": {"path": "/etc/bashrc", "format": "space"},
        "sshd": {"path": "y"},
        "dnf": {"path": "/etc/dnf/dnf.conf"},
    }


def test_without_a_family_the_table_is_as_it_stands() -> None:
    control = {"id": "one", "needs": ["package:gdm3"], "packages_absent": ["gdm3"], "units": {"cron.service": "masked"}}
    assert translated([control], {}) == [control]
    assert configs_of({"adduser": {"path": "x"}}, {}) == {"adduser": {"path": "x"}}
