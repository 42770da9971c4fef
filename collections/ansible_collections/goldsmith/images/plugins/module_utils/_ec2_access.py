# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may enter a temporary machine, and how: what its builder asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_network import permissions
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Door


@dataclass(frozen=True)
class Access:
    """Who may enter the machine, and how.

    Attributes:
        connection: ``ssh`` or ``ssm``.
        user: User, with ``ssh``.
        key_name: Name of a key pair that exists, or None to make one.
        key_file: File of the private key; None for the usual one.
        port: TCP port of SSH.
        address: ``public``, ``private``, or ``auto`` for the public one where there is one.
        args: Further arguments of ssh.
        timeout: Seconds until the machine must answer.
        groups: Security groups that exist; none to make one.
        cidrs: Networks that the group lets in; none for this machine's address.
        profile: Name or ARN of an instance profile that exists, or None.
        policy: Policy document of a temporary one, or None.
        subnets: Ids of subnets.
        subnet_filters: Filters to find subnets by, where none is named.
    """

    connection: str
    user: str | None
    key_name: str | None
    key_file: str | None
    port: int
    address: str
    args: str
    timeout: float
    groups: Sequence[str]
    cidrs: Sequence[str]
    profile: str | None
    policy: Mapping[str, Any] | None
    subnets: Sequence[str]
    subnet_filters: Mapping[str, Any]

    @property
    def by_ssh(self) -> bool:
        """Whether it is entered by SSH, and not by the session manager."""
        return self.connection == "ssh"

    @property
    def makes_key(self) -> bool:
        """Whether a key pair is made."""
        return self.by_ssh and not self.key_name

    def check(self) -> None:
        """See whether it goes together, before anything is made.

        Raises:
            Fault: It does not.
        """
        if not self.by_ssh:
            return
        if not self.user:
            raise Fault(
                "who logs in to this image is not known: set ssh.user (the option `user`; in a spec, "
                "targets.ec2.machine.user)."
            )
        if self.key_name and not (self.key_file and Path(self.key_file).is_file()):
            raise Fault(
                f"key_file must be the private key of the key pair {self.key_name}, and "
                + (f"there is no file {self.key_file}." if self.key_file else "none is named.")
            )
        permissions(self.cidrs, self.port)
        self.door({}, "", "").options  # noqa: B018  raises

    def door(self, machine: Mapping[str, Any], key_file: str, known_hosts: str) -> Door:
        """Return how a machine is entered by SSH.

        Args:
            machine: As EC2 describes it.
            key_file: File of the private key.
            known_hosts: File for the machine's host key.

        Raises:
            Fault: It has no public address, and must have one.
        """
        name = str(machine.get("InstanceId", ""))
        return Door(
            self.user or "", self._address(machine, name), self.port, key_file, known_hosts, name or "none", self.args
        )

    def _address(self, machine: Mapping[str, Any], name: str) -> str:
        public = machine.get("PublicIpAddress")
        private = machine.get("PrivateIpAddress") or machine.get("Ipv6Address")
        if name and self.address == "public" and not public:
            raise Fault(
                f"the machine {name} has no public address: set public_ip, choose a subnet that gives one, or reach it "
                "at its private one (ssh.address: private)."
            )
        return str(private if self.address == "private" or not public else public)
