"""What there is in the account that a lab plays, resource by resource, so that two moments can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

REGIONS = ("eu-west-1", "eu-central-1")


def client(environ: Mapping[str, str], service: str = "ec2", region: str = REGIONS[0]) -> Any:
    """Return a client of the lab."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )


def resources(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return all that can cost money or let somebody in, by kind and region; terminated machines are none of it."""
    found: dict[str, Any] = {}
    for region in REGIONS:
        ec2 = client(environ, region=region)
        instances = [
            one
            for reservation in ec2.describe_instances()["Reservations"]
            for one in reservation["Instances"]
            if one["State"]["Name"] not in ("terminated", "shutting-down")
        ]
        groups = ec2.describe_security_groups()["SecurityGroups"]
        found[region] = {
            "instances": sorted(one["InstanceId"] for one in instances),
            "images": sorted(one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]),
            "snapshots": sorted(one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
            "volumes": sorted(one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]),
            "interfaces": sorted(
                one["NetworkInterfaceId"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]
            ),
            "keys": sorted(one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]),
            "groups": {one["GroupId"]: len(one["IpPermissions"]) for one in groups},
            "parameters": sorted(
                one["Name"] for one in client(environ, "ssm", region).describe_parameters()["Parameters"]
            ),
        }
    iam = client(environ, "iam")
    found["roles"] = sorted(one["RoleName"] for one in iam.list_roles()["Roles"])
    found["profiles"] = sorted(one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"])
    return found


def only_new(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in the second and not in the first; empty when nothing was left."""
    new: dict[str, Any] = {}
    for key, value in after.items():
        if isinstance(value, Mapping):
            inner = only_new(before.get(key, {}), value)
            new |= {key: inner} if inner else {}
        elif isinstance(value, list):
            more = [one for one in value if one not in before.get(key, [])]
            new |= {key: more} if more else {}
        elif value != before.get(key):
            new[key] = value
    return new
