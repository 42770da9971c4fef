# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network around a temporary machine: subnets to start it in, and a security group that lets its builder in."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Iterable, Mapping, NamedTuple, Sequence
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    Aws,
    AwsFault,
    call,
    tag_list,
    tag_specifications,
    tags_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently

CHECK_IP = "https://checkip.amazonaws.com"
"""Tells who calls it his address, as AWS sees it."""

UNSEEN = 30.0
"""Seconds in which a group that was made a moment ago becomes known to all of EC2."""


class Subnet(NamedTuple):
    """A subnet.

    Attributes:
        id: Its id.
        vpc: Id of its VPC.
        free: Number of its addresses that are free.
    """

    id: str
    vpc: str
    free: int


@call("look at the subnets")
def _describe_subnets(client: Any, **asked: Any) -> list[dict[str, Any]]:
    return list(client.describe_subnets(**asked)["Subnets"])


def subnets(client: Any, ids: Sequence[str], filters: Mapping[str, Any]) -> list[Subnet]:
    """Return subnets of one VPC: in the order of their ids as given, or, if found by filters, the emptiest first.

    One call.

    Raises:
        Fault: There is none, or they are in several VPCs.
    """
    listed = [
        {"Name": key, "Values": [str(one) for one in (value if isinstance(value, list) else [value])]}
        for key, value in filters.items()
    ]
    asked: dict[str, Any] = {"SubnetIds": list(ids)} if ids else {"Filters": listed}
    found = [
        Subnet(one["SubnetId"], one.get("VpcId", ""), one.get("AvailableIpAddressCount", 0))
        for one in _describe_subnets(client, **asked) or ()
    ]
    if not found:
        raise Fault(f"no subnet answers to {dict(filters)}: look at subnet_filters, and at the region.")
    if len({one.vpc for one in found}) > 1:
        where = ", ".join(f"{one.id} in {one.vpc}" for one in found)
        raise Fault(f"the subnets are in several VPCs ({where}), and a security group is in one: choose one VPC's.")
    if ids:
        return sorted(found, key=lambda one: ids.index(one.id))
    return sorted(found, key=lambda one: (-one.free, one.id))


def permissions(cidrs: Iterable[str], port: int) -> list[dict[str, Any]]:
    """Return what lets networks in to a TCP port, as the API takes it. Pure.

    Raises:
        Fault: One of them is no network.
    """
    ranges: dict[int, list[dict[str, str]]] = {4: [], 6: []}
    for text in dict.fromkeys(cidrs):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise Fault(
                f"security_group_cidrs: {error}. Give networks such as 192.0.2.0/24 or 192.0.2.7/32."
            ) from error
        key = "CidrIp" if network.version == 4 else "CidrIpv6"
        ranges[network.version].append({key: str(network), "Description": "Goldsmith"})
    named = {"IpRanges": ranges[4], "Ipv6Ranges": ranges[6]}
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return [{**rule, **{key: value for key, value in named.items() if value}}]


def caller(aws: Aws, private: bool) -> str:
    """Return the network that only this machine is in, as the temporary machine will see it.

    AWS is asked for it; with an endpoint of its own, or where private addresses are used, it is this machine's address
    on the way to the endpoint.

    Args:
        aws: The account.
        private: Whether the temporary machine is reached at its private address.

    Raises:
        Fault: It cannot be found out.
    """
    if private or aws.endpoint_url:
        return only(_towards(aws.client().meta.endpoint_url))
    try:
        with open_url(CHECK_IP, timeout=10) as answer:
            return only(answer.read(64).decode("ascii", "replace").strip())
    except (OSError, ValueError) as error:
        raise Fault(
            f"this machine's public address cannot be had from {CHECK_IP} ({error}). "
            "Name the networks that may connect to the temporary machine in security_group_cidrs."
        ) from error


def only(address: str) -> str:
    """Return the network of a single address. Pure."""
    return str(ipaddress.ip_network(address))


def _towards(url: str) -> str:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        family, kind, _protocol, _name, there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as here:
            # Of UDP: nothing is sent, but the way is chosen, and with it the address.
            here.connect(there)
            return str(here.getsockname()[0])
    except OSError as error:
        raise Fault(f"there is no way to {host} from this machine: {error}") from error


@call("make the security group")
def _create(client: Any, name: str, description: str, vpc: str | None, tags: Mapping[str, str]) -> str:
    where = {"VpcId": vpc} if vpc else {}
    made = client.create_security_group(
        GroupName=name, Description=description, TagSpecifications=tag_specifications(["security-group"], tags), **where
    )
    return str(made["GroupId"])


@call("look for the security group")
def _named(client: Any, name: str, vpc: str | None, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    filters = [{"Name": "group-name", "Values": [name]}, *([{"Name": "vpc-id", "Values": [vpc]}] if vpc else [])]
    found = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    wanted = tag_list(tags)
    return [group for group in found if all(tag in group.get("Tags", ()) for tag in wanted)]


def make_group(
    client: Any, name: str, vpc: str | None, build: Mapping[str, str], tags: Mapping[str, str]
) -> tuple[str, bool]:
    """Make a security group that lets nobody in, or find the one that was made before.

    Args:
        client: EC2's client.
        name: Its name, which belongs to the build.
        vpc: Id of its VPC; None for the default one.
        build: The tag that says whose it is.
        tags: All its tags.

    Returns:
        The group's id, and whether this very run made it, as the tag with its time of expiry tells.

    Raises:
        Fault: AWS refuses, or a group of somebody else bears the name.
    """
    try:
        return str(_create(client, name, f"{name}: temporary, of an image build", vpc, tags)), True
    except AwsFault as fault:
        if fault.code != "InvalidGroup.Duplicate":
            raise
    # Made by an earlier run, or by a call whose answer was lost.
    found = _named(client, name, vpc, build)
    if not found:
        raise Fault(f"the security group {name} is there but is not of this build: choose another build_id.")
    return str(found[0]["GroupId"]), tags_of(found[0]) == tags


@call("let this machine in by the security group")
def _authorize(client: Any, group: str, permitted: list[dict[str, Any]]) -> None:
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=permitted)


def let_in(client: Any, group: str, permitted: list[dict[str, Any]]) -> None:
    """Let networks in by a security group; those that are let in already are fine.

    Raises:
        AwsFault: AWS refuses.
    """
    try:
        patiently(
            lambda: _authorize(client, group, permitted), lambda fault: fault.code == "InvalidGroup.NotFound", UNSEEN
        )
    except AwsFault as fault:
        if fault.code != "InvalidPermission.Duplicate":
            raise
