# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._bootstrap import Bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._builder import Wanted, matches
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)


def wanted(**changes: Any) -> Wanted:
    options: dict[str, Any] = {
        "name": "goldsmith-b",
        "image": "sha256:ab",
        "build_id": "b",
        "image_name": "web",
        "role": "builder",
        "expires_in": 60,
        "command": None,
        "use_image_command": False,
        "user": None,
        "env": {},
        "tmpfs": [],
        "bootstrap": True,
        "machine": {},
    }
    return Wanted(**{**options, **changes})


def test_builder_waits_as_root_until_it_expires() -> None:
    arguments = wanted().arguments(NOW)

    assert "sleep 60" in arguments["command"][-1]
    assert arguments["entrypoint"] == []
    assert arguments["user"] == "0"
    assert arguments["labels"]["io.goldsmith.expires"] == "2026-11-22T07:01:00Z"
    assert arguments["environment"] == {
        "DPKG_FORCE": "unsafe-io",
        "PYTHONDONTWRITEBYTECODE": "1",
        "APT_CONFIG": "/dev/shm/goldsmith/apt.conf",
    }


def test_options_that_are_off_are_not_passed_on() -> None:
    off = {"privileged": False, "network": None, "capabilities": [], "devices": [], "volumes": [], "memory": None}

    assert wanted(machine=off).arguments(NOW) == wanted().arguments(NOW)


def test_own_command_goes_without_the_image_s_entrypoint() -> None:
    arguments = wanted(command=["/sbin/init"]).arguments(NOW)

    assert (arguments["command"], arguments["entrypoint"]) == (["/sbin/init"], [])


def test_machine_to_be_tested_is_what_the_image_says() -> None:
    arguments = wanted(role="verify", use_image_command=True).arguments(NOW)

    assert not {"command", "entrypoint", "user", "healthcheck"} & set(arguments)
    assert arguments["environment"] == {}


def test_user_s_environment_wins() -> None:
    assert wanted(env={"DPKG_FORCE": ""}).arguments(NOW)["environment"]["DPKG_FORCE"] == ""


@pytest.mark.parametrize(
    ("entry", "path", "options"), [("/run", "/run", ""), ("/run:size=1m,mode=0755", "/run", "size=1m,mode=0755")]
)
def test_directory_in_memory_may_have_options(entry: str, path: str, options: str) -> None:
    assert wanted(tmpfs=[entry]).arguments(NOW)["tmpfs"] == {path: options}


@pytest.mark.parametrize("labels", [None, {}, {"io.goldsmith.build": "another"}])
def test_container_of_somebody_else_is_an_error(labels: dict[str, str] | None) -> None:
    container = {"Config": {"Labels": labels}, "State": {"Running": True}, "Image": "sha256:ab"}

    with pytest.raises(Fault, match="left alone"):
        matches(container, wanted())


def test_what_the_scripts_noted_is_read() -> None:
    record = [
        "manager apt",
        "absent /root/.ansible",
        "owner 0:0 /var/lib/apt/lists/partial",
        "lists ",
        "base dpkg",
        "policy-rc.d ",
        "package dpkg",
        "package python3",
        "interpreter /usr/bin/python3",
        "done",
    ]

    assert Bootstrap.from_record(record) == Bootstrap(
        manager="apt",
        interpreter="/usr/bin/python3",
        packages=["python3"],
        base=["dpkg"],
        policy_rc_d=True,
        lists=True,
        absent=["/root/.ansible"],
        owners=["0:0 /var/lib/apt/lists/partial"],
    )


def test_record_survives_its_way_through_ansible() -> None:
    record = Bootstrap(manager="apt", packages=["python3"], lists=True)

    assert Bootstrap.from_dict({**record.as_dict(), "of_a_later_version": 1}) == record


@pytest.mark.parametrize(
    "own",
    [
        {"tmpfs": ["/dev/shm:size=1m"]},
        {"machine": {"volumes": ["/dev/shm"]}},
        {"machine": {"volumes": ["/srv:/dev/shm:ro"]}},
        {"bootstrap": False},
        {"role": "verify"},
    ],
)
def test_nothing_is_shared_where_the_place_is_taken_or_nothing_is_installed(own: dict[str, Any]) -> None:
    machine = wanted(**own)

    assert not machine.shares
    assert "APT_CONFIG" not in machine.arguments(NOW)["environment"]
    assert wanted().shares
