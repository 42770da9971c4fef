"""_hardening_machine: what was found becomes what the table asks for."""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._hardening_machine import machine
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import Person

CONTEXT = {
    "own_kernel": True,
    "own_init": True,
    "live": True,
    "probes": {"sshd": ["/usr/sbin/sshd"], "systemd": ["/x", "/y"]},
}
LOOK = {
    "paths": ["/usr/sbin/sshd", "/y"],
    "packages": ["bash"],
    "mounts": ["/", "/home"],
    "connected": "ann",
    "sshd": {"permitrootlogin": "yes", "passwordauthentication": "no"},
    "users": [
        {"name": "root", "uid": 0, "keys": True, "password": False, "login": True, "ssh": True, "sudo": "nopasswd"},
        {"name": "ann", "uid": 1000, "keys": True, "password": True, "login": True, "ssh": True, "sudo": "password"},
        {"name": "out", "uid": 1001, "keys": True, "password": True, "login": True, "ssh": False, "sudo": ""},
        {"name": "old", "uid": 1002, "keys": True, "password": False, "login": True, "ssh": True, "stale": True},
    ],
}


def test_what_is_there_is_named_as_the_table_names_it() -> None:
    found = machine(LOOK, CONTEXT)
    assert found.has == {"sshd", "systemd", "kernel", "init"}
    assert (found.packages, found.mounts) == ({"bash"}, {"/", "/home"})
    bare = machine({**LOOK, "paths": []}, {**CONTEXT, "own_kernel": False})
    assert bare.has == set()


def test_only_those_who_get_in_are_ways_in() -> None:
    access = machine(LOOK, CONTEXT).access
    assert [person.keys for person in access.people] == [True, True, False, False]
    assert access.people[1] == Person("ann", keys=True, password=True, sudo="password")
    assert (access.connected, access.passwords, access.root_by_key, access.root_by_password) == (
        "ann",
        False,
        True,
        False,
    )


def test_cloud_init_makes_an_account_in_a_machine_to_be() -> None:
    look = {**LOOK, "packages": ["cloud-init"]}
    assert machine(look, {**CONTEXT, "live": False}).access.created
    assert not machine(look, CONTEXT).access.created
