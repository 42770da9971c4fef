# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of EC2 for a temporary machine: where and as what it may run, and the request to start it. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Collection, Mapping, NamedTuple, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_EXPIRES,
    TAG_NAME,
    TAG_ROLE,
    tag_specifications,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_devices import ebs, mappings
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import stamp
from ansible_collections.goldsmith.images.plugins.module_utils._user_data import compose

TAGGED = ("instance", "volume", "network-interface")
"""Kinds of resources that starting a machine makes."""


@dataclass(frozen=True)
class Wanted:
    """The machine that is to run.

    Attributes:
        build_id: The build that it belongs to.
        image_name: Name of the image that is being built.
        role: ``builder`` or ``verify``.
        ami: Id of the image that it is started from.
        root_device: Name of that image's root device.
        expires_in: Seconds after which it may be swept, and ends itself.
        instance_types: Types, tried in order.
        spot: ``enabled``, ``max_price`` (US dollars an hour, or None) and ``fallback``.
        root_volume: See `_ec2_devices`.
        block_devices: See `_ec2_devices`.
        user_data: The user's, or None.
        public_ip: Whether it gets a public address; None for what the subnet says.
        hop_limit: Hops that an answer of the metadata service may travel.
        tenancy: ``default``, ``dedicated`` or ``host``, or None.
        availability_zone: A zone, or None.
        placement_group: Name of a placement group, or None.
        host_id: Id of a dedicated host, or None.
        enclave: Whether it may have Nitro enclaves.
        cpu_credits: ``standard`` or ``unlimited``, or None.
        ebs_optimized: Whether it is, or None for what the type is.
        tags: Tags in addition to Goldsmith's.
    """

    build_id: str
    image_name: str
    role: str
    ami: str
    root_device: str
    expires_in: int
    instance_types: Sequence[str]
    spot: Mapping[str, Any]
    root_volume: Mapping[str, Any]
    block_devices: Sequence[Mapping[str, Any]]
    user_data: str | None
    public_ip: bool | None
    hop_limit: int
    tenancy: str | None
    availability_zone: str | None
    placement_group: str | None
    host_id: str | None
    enclave: bool
    cpu_credits: str | None
    ebs_optimized: bool | None
    tags: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its tag ``Name``."""
        return f"goldsmith-{self.build_id}{'' if self.role == 'builder' else f'-{self.role}'}"

    def check(self, now: datetime) -> None:
        """See whether it can be asked for, before anything is made.

        Raises:
            Fault: Options do not go together.
        """
        if not self.instance_types:
            raise Fault("instance_types is empty: name one at least.")
        way = candidates(self.instance_types, (), self.spot)[0]
        request(self, way, Surroundings(None, (), None, ()), now)

    def all_tags(self, now: datetime) -> dict[str, str]:
        """Return the tags by which all that is made for it is known, and by which a sweep finds it."""
        return {
            **{key: str(value) for key, value in self.tags.items()},
            "Name": self.name,
            TAG_BUILD: self.build_id,
            TAG_NAME: self.image_name,
            TAG_ROLE: self.role,
            TAG_EXPIRES: stamp(now + timedelta(seconds=self.expires_in)),
        }


class Surroundings(NamedTuple):
    """What there is for the machine.

    Attributes:
        key_name: Name of its key pair, or None.
        groups: Ids of its security groups.
        profile: Name or ARN of its instance profile, or None.
        subnets: Ids of subnets, tried in order; none for the default VPC's.
        made: Which of these were made just now: ``key_pair``, ``security_group``, ``instance_profile``.
    """

    key_name: str | None
    groups: Sequence[str]
    profile: str | None
    subnets: Sequence[str]
    made: Collection[str] = ()


class Candidate(NamedTuple):
    """One way to have the machine.

    Attributes:
        type: Instance type.
        subnet: Id of a subnet, or None.
        spot: Whether it is spot capacity.
    """

    type: str
    subnet: str | None
    spot: bool

    def __str__(self) -> str:
        where = f" in {self.subnet}" if self.subnet else ""
        return f"{self.type}{where}{' (spot)' if self.spot else ''}"


def candidates(types: Sequence[str], subnets: Sequence[str], spot: Mapping[str, Any]) -> list[Candidate]:
    """Return the ways in which the machine may be had, the wanted ones first.

    Spot capacity goes before any on demand, a type before the next in whichever subnet.
    """
    markets = [True, False] if spot["enabled"] and spot["fallback"] else [bool(spot["enabled"])]
    ways = product(markets, types, subnets or [""])
    return list(dict.fromkeys(Candidate(kind, subnet or None, market) for market, kind, subnet in ways))


def token(wanted: Wanted, candidate: Candidate, generation: int) -> str:
    """Return the client token by which EC2 knows a request again.

    Args:
        wanted: The machine.
        candidate: The way to have it.
        generation: How many machines were started by equal requests, and ended, before.
    """
    text = json.dumps([wanted.build_id, wanted.role, *candidate, generation])
    return hashlib.sha256(text.encode()).hexdigest()


def request(
    wanted: Wanted, candidate: Candidate, around: Surroundings, now: datetime, generation: int = 0
) -> dict[str, Any]:
    """Return what RunInstances takes.

    Args:
        wanted: The machine.
        candidate: The way to have it.
        around: What there is for it.
        now: The present time.
        generation: See `token`.

    Raises:
        Fault: Options do not go together.
    """
    expires = now + timedelta(seconds=wanted.expires_in)
    kinds = (*TAGGED, "spot-instances-request") if candidate.spot else TAGGED
    asked: dict[str, Any] = {
        "ImageId": wanted.ami,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": candidate.type,
        "ClientToken": token(wanted, candidate, generation),
        "TagSpecifications": tag_specifications(kinds, wanted.all_tags(now)),
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": wanted.hop_limit,
        },
        "BlockDeviceMappings": _devices(wanted),
        "UserData": compose(wanted.user_data, expires),
        "KeyName": around.key_name,
        "IamInstanceProfile": _profile(around.profile),
        "Placement": _placement(wanted),
        "EbsOptimized": wanted.ebs_optimized,
        "EnclaveOptions": {"Enabled": True} if wanted.enclave else None,
        "CreditSpecification": {"CpuCredits": wanted.cpu_credits} if wanted.cpu_credits else None,
        "InstanceMarketOptions": _market(wanted.spot) if candidate.spot else None,
        **_network(wanted.public_ip, candidate.subnet, around.groups),
    }
    return {key: value for key, value in asked.items() if value not in (None, {}, [])}


def _devices(wanted: Wanted) -> list[dict[str, Any]]:
    if any(device["device"] == wanted.root_device for device in wanted.block_devices):
        raise Fault(f"block_devices names {wanted.root_device}, the root device: use root_volume for it.")
    # `false` would be refused where the base's snapshot is encrypted, and says no more than to leave it out.
    root = {**wanted.root_volume, "encrypted": wanted.root_volume.get("encrypted") or None}
    further = [
        device if device.get("delete_on_termination") is not None else {**device, "delete_on_termination": True}
        for device in wanted.block_devices
    ]
    return [
        {"DeviceName": wanted.root_device, "Ebs": {**ebs(root), "DeleteOnTermination": True}},
        *mappings(further),
    ]


def _profile(profile: str | None) -> dict[str, str] | None:
    if not profile:
        return None
    return {"Arn" if profile.startswith("arn:") else "Name": profile}


def _placement(wanted: Wanted) -> dict[str, str]:
    asked = {
        "AvailabilityZone": wanted.availability_zone,
        "Tenancy": wanted.tenancy,
        "GroupName": wanted.placement_group,
        "HostId": wanted.host_id,
    }
    return {key: value for key, value in asked.items() if value}


def _market(spot: Mapping[str, Any]) -> dict[str, Any]:
    price = {"MaxPrice": str(spot["max_price"])} if spot.get("max_price") else {}
    options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate", **price}
    return {"MarketType": "spot", "SpotOptions": options}


def _network(public_ip: bool | None, subnet: str | None, groups: Sequence[str]) -> dict[str, Any]:
    if public_ip is None:
        return {"SubnetId": subnet, "SecurityGroupIds": list(groups)}
    interface = {
        "DeviceIndex": 0,
        "AssociatePublicIpAddress": public_ip,
        "DeleteOnTermination": True,
        "SubnetId": subnet,
        "Groups": list(groups),
    }
    return {"NetworkInterfaces": [{key: value for key, value in interface.items() if value not in (None, [])}]}
