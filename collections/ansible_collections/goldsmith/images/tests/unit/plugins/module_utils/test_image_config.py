# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image's configuration is made of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._image_config import (
    Identity,
    complete_history,
    configuration,
    digest,
    document,
    essential,
    history_from_listing,
    timestamp,
)

NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
IDENTITY = Identity("20261122T093000-1a2b3c4d", "web", "2026-11-22T09:30:00Z")
BASE = {
    "Hostname": "0123456789ab",
    "Env": ["PATH=/usr/bin:/bin", "LANG=C", "EMPTY="],
    "Cmd": ["bash"],
    "Entrypoint": None,
    "ExposedPorts": {"22/tcp": {}},
    "Volumes": {"/data": {}},
    "User": "nobody",
    "WorkingDir": "/srv",
    "StopSignal": "SIGINT",
    "OnBuild": ["RUN true"],
    "Labels": {
        "team": "base",
        "kept": "yes",
        "io.goldsmith.build": "old",
        "io.goldsmith.source": "key",
        "org.opencontainers.image.vendor": "of the base",
    },
}


def config(base: dict[str, Any] | None = None, identity: Identity = IDENTITY, **change: Any) -> dict[str, Any]:
    return configuration(BASE if base is None else base, change, identity)


def test_what_is_not_overridden_is_as_in_the_base() -> None:
    kept = config()
    for key in ("Cmd", "ExposedPorts", "Volumes", "User", "WorkingDir", "StopSignal", "OnBuild", "Env"):
        assert kept[key] == BASE[key]


def test_what_describes_one_container_is_not_in_the_image() -> None:
    assert "Hostname" not in config()
    assert essential({"Hostname": "a", "Tty": True, "Cmd": None, "Env": [], "User": "x"}) == {"User": "x"}


def test_environment_is_merged_by_name_and_null_removes_a_variable() -> None:
    assert config(env={"LANG": "C.UTF-8", "DEBUG": True, "PORT": 80, "EMPTY": None, "MATH": "1+1=2"})["Env"] == [
        "PATH=/usr/bin:/bin",
        "LANG=C.UTF-8",
        "DEBUG=true",
        "PORT=80",
        "MATH=1+1=2",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["nginx", "-g", "daemon off;"], ["nginx", "-g", "daemon off;"]),
        ("exec nginx $OPTIONS", ["/bin/sh", "-c", "exec nginx $OPTIONS"]),
        (["sleep", 5], ["sleep", "5"]),
    ],
)
def test_a_command_is_a_list_or_a_text_for_the_shell(given: Any, expected: list[str]) -> None:
    assert config(cmd=given)["Cmd"] == expected


def test_an_entrypoint_drops_the_command_of_the_base() -> None:
    assert "Cmd" not in config(entrypoint=["/entry"])
    assert config(entrypoint=["/entry"], cmd=["serve"])["Cmd"] == ["serve"]
    assert config(entrypoint=["/entry"])["Entrypoint"] == ["/entry"]


def test_an_empty_command_removes_that_of_the_base() -> None:
    assert "Cmd" not in config(cmd=[])
    assert "OnBuild" not in config(onbuild=[])


def test_ports_and_volumes_are_added_to_those_of_the_base() -> None:
    changed = config(expose=["8080", "53/udp", "8000-8002/tcp"], volumes=["/var/lib/web"])
    assert sorted(changed["ExposedPorts"]) == ["22/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp", "8080/tcp"]
    assert changed["Volumes"] == {"/data": {}, "/var/lib/web": {}}


def test_labels_of_the_base_that_tell_of_the_base_do_not_pass_for_ours() -> None:
    identity = Identity(
        "b",
        "web",
        "2026-11-22T09:30:00Z",
        oci={"version": "1.4", "base_name": "debian:12", "source": None},
        marks={"fingerprint": "f00", "build": "another"},
    )
    assert config(identity=identity, labels={"team": "web"})["Labels"] == {
        "team": "web",
        "kept": "yes",
        "org.opencontainers.image.title": "web",
        "org.opencontainers.image.version": "1.4",
        "org.opencontainers.image.base.name": "debian:12",
        "org.opencontainers.image.created": "2026-11-22T09:30:00Z",
        "io.goldsmith.fingerprint": "f00",
        "io.goldsmith.build": "b",
        "io.goldsmith.name": "web",
        "io.goldsmith.role": "artifact",
    }


def test_healthcheck_times_become_nanoseconds() -> None:
    check = {"test": ["curl", "localhost"], "interval": 30.0, "timeout": 0.5, "start_period": None, "retries": 3}
    assert config(healthcheck=check)["Healthcheck"] == {
        "Test": ["CMD", "curl", "localhost"],
        "Interval": 30_000_000_000,
        "Timeout": 500_000_000,
        "Retries": 3,
    }


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("curl localhost || exit 1", ["CMD-SHELL", "curl localhost || exit 1"]),
        (["CMD-SHELL", "true"], ["CMD-SHELL", "true"]),
        ("NONE", ["NONE"]),
        (["NONE"], ["NONE"]),
    ],
)
def test_a_healthcheck_is_a_list_a_text_for_the_shell_or_none(test: Any, expected: list[str]) -> None:
    assert config(healthcheck={"test": test})["Healthcheck"]["Test"] == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expose": ["http"]}, r"expose has 'http'; give a port such as 8080/tcp"),
        ({"expose": ["0/tcp"]}, "expose has '0/tcp'"),
        ({"expose": ["70000"]}, "expose has '70000'"),
        ({"expose": ["90-80"]}, "expose has '90-80'"),
        ({"workdir": "srv"}, "'srv' in volumes or workdir must be an absolute path"),
        ({"volumes": ["data"]}, "'data' in volumes or workdir"),
        ({"stop_signal": "TERM now"}, "stop_signal is 'TERM now'; give a name such as SIGTERM"),
        ({"env": {"A=B": "c"}}, "env has the name 'A=B'"),
        ({"env": {"A": ["b"]}}, r"env.A is \['b'\]; give a text"),
        ({"labels": {"io.goldsmith.build": "x"}}, "io.goldsmith.build is Goldsmith's own"),
        ({"labels": {"team": None}}, "labels.team is None; give a text"),
        ({"cmd": {"a": 1}}, "cmd is {'a': 1}; give a list of texts"),
        ({"cmd": ["a", None]}, "cmd is .*give a list of texts"),
        ({"healthcheck": {"test": []}}, "healthcheck.test is missing"),
        ({"healthcheck": {"test": "true", "interval": 0.0001}}, "healthcheck.interval is 0.0001 s"),
        ({"healthcheck": {"test": "true", "retries": -1}}, "healthcheck.retries is -1"),
    ],
)
def test_values_that_no_container_could_start_with_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Fault, match=said):
        config(**change)


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(Fault, match=r"expose has 'x'.*; 'srv' in volumes or workdir"):
        config(expose=["x"], workdir="srv")


@pytest.mark.parametrize("signal", ["SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1"])
def test_signals_are_names_or_numbers(signal: str) -> None:
    assert config(stop_signal=signal)["StopSignal"] == signal


@pytest.mark.parametrize(
    ("given", "epoch", "expected"),
    [
        (None, None, "2026-11-22T09:30:15Z"),
        (None, "1700000000", "2023-11-14T22:13:20Z"),
        ("2020-01-02T03:04:05+02:00", "1700000000", "2020-01-02T01:04:05Z"),
        ("2020-01-02T03:04:05.250Z", None, "2020-01-02T03:04:05.250000Z"),
        ("0", None, "1970-01-01T00:00:00Z"),
    ],
)
def test_the_time_is_what_is_asked_for_else_source_date_epoch_else_now(
    given: str | None, epoch: str | None, expected: str
) -> None:
    assert timestamp(given, epoch, NOW) == expected


@pytest.mark.parametrize(
    ("given", "epoch", "said"),
    [
        ("yesterday", None, "created is 'yesterday': give an RFC 3339 time"),
        ("2020-01-02T03:04:05", None, "created is '2020-01-02T03:04:05'"),
        ("9" * 30, None, "created is '9+'"),
        (None, "soon", "SOURCE_DATE_EPOCH is 'soon'"),
        (None, "-1", "SOURCE_DATE_EPOCH is '-1'"),
        (None, "9" * 30, "SOURCE_DATE_EPOCH is '9+'"),
    ],
)
def test_what_is_no_time_is_refused(given: str | None, epoch: str | None, said: str) -> None:
    with pytest.raises(Fault, match=said):
        timestamp(given, epoch, NOW)


def test_the_document_says_who_when_and_of_which_layers() -> None:
    identity = Identity("b1", "web", "2026-11-22T09:30:00Z", author="Ann", comment="first")
    inspected = {"Architecture": "arm64", "Variant": "v8", "Os": "linux", "OsVersion": ""}
    below = {"created": "2020-01-01T00:00:00Z", "created_by": "base"}
    image = json.loads(document(inspected, {"Cmd": ["x"]}, ["sha256:a", "sha256:b"], [below], identity))
    assert image == {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "author": "Ann",
        "created": "2026-11-22T09:30:00Z",
        "config": {"Cmd": ["x"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]},
        "history": [
            below,
            {"created": "2026-11-22T09:30:00Z", "created_by": "goldsmith b1", "author": "Ann", "comment": "first"},
        ],
    }


def test_a_container_in_which_nothing_changed_adds_no_layer() -> None:
    below = {"created": "2020-01-01T00:00:00Z", "created_by": "base"}
    image = json.loads(document({}, {}, ["sha256:a"], [below], IDENTITY))
    assert [entry.get("empty_layer", False) for entry in image["history"]] == [False, True]


def test_the_same_image_has_the_same_document_whatever_the_order_of_keys() -> None:
    one = document({"Architecture": "amd64", "Os": "linux"}, {"A": 1, "B": 2}, [], [], IDENTITY)
    other = document({"Os": "linux", "Architecture": "amd64"}, {"B": 2, "A": 1}, [], [], IDENTITY)
    assert digest(one) == digest(other)


def test_history_is_taken_from_the_engines_list_oldest_first() -> None:
    listing = [
        {"Created": 1700000000, "CreatedBy": "CMD bash", "Comment": "", "Size": 0},
        {"Created": 1600000000, "CreatedBy": "ADD rootfs", "Comment": "c", "Size": 5},
    ]
    assert history_from_listing(listing, 1) == [
        {"created": "2020-09-13T12:26:40Z", "created_by": "ADD rootfs", "comment": "c"},
        {"created": "2023-11-14T22:13:20Z", "created_by": "CMD bash", "empty_layer": True},
    ]


def test_a_list_that_leaves_open_which_entries_are_layers_is_not_taken() -> None:
    empty_layer = [{"Created": 0, "CreatedBy": "RUN true", "Size": 0}, {"Created": 0, "CreatedBy": "ADD", "Size": 5}]
    assert history_from_listing(empty_layer, 2) is None


def test_a_history_that_is_too_short_gets_an_entry_for_each_layer() -> None:
    below = [{"created_by": "ADD"}, {"created_by": "CMD", "empty_layer": True}]
    missing = {"created": "2020", "comment": "the base image has no record of this layer"}
    assert complete_history(below, 2, "2020") == [*below, missing]
    assert complete_history([], 2, "2020") == [missing, missing]
    assert complete_history([{"a": 1}] * 3, 1, "2020") == [missing]
    assert complete_history(below, 1, "2020") == below
