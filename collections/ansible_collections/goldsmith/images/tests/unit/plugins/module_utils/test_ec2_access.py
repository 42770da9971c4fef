# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may enter a machine: what does not go together, and the address that is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_access import Access
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def access(**changes: Any) -> Access:
    options: dict[str, Any] = {
        "connection": "ssh",
        "user": "admin",
        "key_name": None,
        "key_file": None,
        "port": 22,
        "address": "auto",
        "args": "",
        "timeout": 300,
        "groups": [],
        "cidrs": [],
        "profile": None,
        "policy": None,
        "subnets": [],
        "subnet_filters": {},
    }
    return Access(**{**options, **changes})


def machine(**changes: Any) -> dict[str, Any]:
    return {"InstanceId": "i-1", "PublicIpAddress": "192.0.2.7", "PrivateIpAddress": "10.0.0.7", **changes}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user": None}, "who logs in to this image is not known"),
        ({"key_name": "mine"}, "none is named"),
        ({"key_name": "mine", "key_file": "/nonexistent"}, "there is no file /nonexistent"),
        ({"cidrs": ["everybody"]}, "security_group_cidrs"),
        ({"args": "-o '"}, r"ssh\.args"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_made(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Fault, match=told):
        access(**changes).check()


def test_session_manager_needs_neither_user_nor_key() -> None:
    by_agent = access(connection="ssm", user=None)

    by_agent.check()
    assert not by_agent.makes_key


def test_key_that_exists_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    own = access(key_name="mine", key_file=str(tmp_path / "id"))

    own.check()
    assert not own.makes_key
    assert access().makes_key


@pytest.mark.parametrize(
    ("wanted", "found", "address"),
    [
        ("auto", {}, "192.0.2.7"),
        ("public", {}, "192.0.2.7"),
        ("private", {}, "10.0.0.7"),
        ("auto", {"PublicIpAddress": None}, "10.0.0.7"),
        ("auto", {"PublicIpAddress": None, "PrivateIpAddress": None, "Ipv6Address": "2001:db8::7"}, "2001:db8::7"),
    ],
)
def test_address_is_the_wanted_one(wanted: str, found: dict[str, Any], address: str) -> None:
    assert access(address=wanted).door(machine(**found), "/run/key", "/run/hosts").address == address


def test_missing_public_address_is_said_so() -> None:
    with pytest.raises(Fault, match="i-1 has no public address: set public_ip"):
        access(address="public").door(machine(PublicIpAddress=None), "/run/key", "/run/hosts")


def test_host_key_is_known_by_the_machine_not_by_its_address() -> None:
    assert access().door(machine(), "/run/key", "/run/hosts").alias == "i-1"
