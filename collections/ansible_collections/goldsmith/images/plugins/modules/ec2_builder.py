#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_builder
short_description: Start or remove the temporary EC2 machine that an image is built in
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Starts an instance that layers are then applied to, and that M(goldsmith.images.ec2_ami) captures, together with
    what it needs, which is an SSH key made on this machine, a security group that lets only this machine in, and, if
    wanted, an instance profile. Waits until it can be entered and has booted.
  - Everything bears the tags C(goldsmith:build), C(goldsmith:name), C(goldsmith:role) and C(goldsmith:expires) from the
    call that creates it, so that M(goldsmith.images.ec2_sweep) finds it whatever happens. When a step fails, what was
    made is undone.
  - The instance takes metadata tokens only (IMDSv2), its root volume is encrypted, and it ends by itself, see
    O(expires_in).
options:
  state:
    description:
      - V(present) means that the machine runs and can be entered.
      - V(absent) means that nothing of what was made for O(build_id) is left, here or in the region. Images stay.
    type: str
    choices: [present, absent]
    default: present
  build_id:
    description: Build that the machine belongs to. Up to 54 letters, digits, C(_) and C(-).
    type: str
    required: true
  role:
    description:
      - What the machine is for. V(builder) is one that is built in, V(verify) one that a finished image is tested in.
      - With O(state=present), V(builder) by default. With O(state=absent), only what was made for this; by default all,
        and the private key.
    type: str
    choices: [builder, verify]
  image_name:
    description: Name of the image that is being built, for the tag.
    type: str
    default: ""
  ami:
    description: ID of the image to start from. Needed for O(state=present).
    type: str
  root_device:
    description:
      - Name of that image's root device, as M(goldsmith.images.ec2_source_ami) returns it. By default EC2 is asked.
    type: str
  expires_in:
    description:
      - Seconds after which the instance ends itself, by a timer that its user data sets at every boot, and after which
        a sweep may remove all of it.
    type: int
    default: 21600
  instance_types:
    description: Instance types, tried in order while there is no capacity. Needed for O(state=present).
    type: list
    elements: str
    default: []
  subnet_ids:
    description:
      - Subnets of one VPC, each type's turn in each, tried in order. By default a subnet of the default VPC that EC2
        chooses.
    type: list
    elements: str
    default: []
  subnet_filters:
    description: Filters of DescribeSubnets to find subnets of one VPC by; the emptiest is tried first.
    type: dict
    default: {}
  security_group_ids:
    description: Security groups of the machine. Then none is made, and what they let in is up to them.
    type: list
    elements: str
    default: []
  security_group_cidrs:
    description:
      - Networks that the security group that is made lets in to O(ssh.port).
      - By default this machine's address alone, which is asked of U(https://checkip.amazonaws.com). With
        O(ssh.address=private) or an endpoint of its own it is the address on the way to the endpoint. Name the networks
        where connections come from elsewhere, such as a bastion.
    type: list
    elements: str
    default: []
  connection:
    description:
      - V(ssh) makes or takes a key, lets SSH in, and waits for it.
      - V(ssm) lets nothing in at all, and waits for the session manager's agent. The instance profile must allow it;
        one made for O(instance_policy) does.
    type: str
    choices: [ssh, ssm]
    default: ssh
  key_name:
    description: Name of a key pair that exists, whose private key is O(key_file). By default one is made and imported.
    type: str
  key_file:
    description:
      - File of the private key. One that is made is never written over another file.
      - By default C(goldsmith-BUILD_ID.key) in E(XDG_RUNTIME_DIR), or else in C(/dev/shm), or else in the directory for
        temporary files.
    type: path
  user:
    description:
      - User who logs in by SSH, as M(goldsmith.images.ec2_source_ami) returns it. Needed for O(connection=ssh) and
        O(state=present).
    type: str
  ssh:
    description: How the machine is reached by SSH.
    type: dict
    suboptions:
      port:
        description: TCP port.
        type: int
        default: 22
      address:
        description: Which address is used. V(auto) means the public one where there is one.
        type: str
        choices: [auto, public, private]
        default: auto
      args:
        description: Arguments of C(ssh), as in a shell, such as V(-o ProxyJump=admin@bastion.example.com).
        type: str
        default: ""
      timeout:
        description: Seconds until the machine must have answered and booted.
        type: int
        default: 300
  root_volume:
    description: The root volume, of the machine and so of the image. What is not given stays as it is in the base.
    type: dict
    suboptions:
      size: &size
        description: Size in GiB.
        type: int
      type: &type
        description: Volume type.
        type: str
        default: gp3
      iops: &iops
        description: Operations a second.
        type: int
      throughput: &throughput
        description: MiB a second.
        type: int
      encrypted:
        description: Whether it is encrypted. V(false) leaves it as it is in the base.
        type: bool
        default: true
      kms_key: &kms_key
        description: KMS key that encrypts, as ID, alias or ARN. By default the account's own for EBS.
        type: str
  block_devices:
    description: Further volumes. What is not given of one is as in the base, or left to EC2.
    type: list
    elements: dict
    default: []
    suboptions:
      device:
        description: Name of the device, such as V(/dev/sdf).
        type: str
        required: true
      size: *size
      type:
        description: Volume type.
        type: str
      iops: *iops
      throughput: *throughput
      encrypted:
        description: Whether it is encrypted.
        type: bool
      kms_key: *kms_key
      snapshot:
        description: ID of a snapshot that it begins with.
        type: str
      delete_on_termination:
        description: Whether it goes with the instance. By default it does.
        type: bool
      virtual_name:
        description: Name of an instance store volume, such as V(ephemeral0).
        type: str
      no_device:
        description: Leave out a device that the base has.
        type: bool
        default: false
  instance_profile:
    description: Name or ARN of an instance profile that exists.
    type: str
  instance_policy:
    description: Policy document. A role with it and an instance profile are made for the time of the build.
    type: dict
  user_data:
    description:
      - Text for cloud-init, of any kind that it knows by the first line, such as C(#!/bin/sh) or C(#cloud-config).
      - It becomes part of a MIME message with the timer of O(expires_in).
    type: str
  public_ip:
    description: Whether the machine gets a public address. By default as the subnet says.
    type: bool
  tenancy:
    description: Tenancy.
    type: str
    choices: [default, dedicated, host]
  availability_zone:
    description: Zone in which it is started. A subnet decides this as well.
    type: str
  placement_group:
    description: Name of a placement group.
    type: str
  host_id:
    description: ID of a dedicated host, with O(tenancy=host).
    type: str
  enclave:
    description: Whether the machine may have Nitro enclaves.
    type: bool
    default: false
  cpu_credits:
    description: Credit mode of a burstable type.
    type: str
    choices: [standard, unlimited]
  ebs_optimized:
    description: Whether it is optimized for EBS. By default as the type is.
    type: bool
  spot:
    description: Spot capacity.
    type: dict
    suboptions:
      enabled:
        description: Whether to build on spot capacity.
        type: bool
        default: false
      max_price:
        description: US dollars an hour at most. By default the price on demand.
        type: str
      fallback:
        description: Whether to build on demand when there is no spot capacity of any type in any subnet.
        type: bool
        default: true
  hop_limit:
    description: Network hops that an answer of the metadata service may travel. Containers in the machine need V(2).
    type: int
    default: 1
  tags:
    description: Tags of everything that is made, in addition to Goldsmith's own, which prevail.
    type: dict
    default: {}
  timeout:
    description: Seconds until the machine must run, with O(state=absent) until it must have ended.
    type: int
    default: 600
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
  diff_mode:
    description: Returns the machine's state before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
    details:
      - By build ID, role and the way the machine was had, EC2 knows a machine again that it has started already, and by
        build ID the key pair, the group and the instance profile are known.
requirements:
  - cryptography (Python package)
  - OpenSSH's client
notes:
  - Runs on the machine that will enter the instance, mostly the controller. The private key never leaves it.
  - The machine's host key is written down when it is first seen, and must be the same from then on.
  - Needs the permissions C(ec2:ImportKeyPair), C(ec2:CreateSecurityGroup), C(ec2:AuthorizeSecurityGroupIngress),
    C(ec2:RunInstances), C(ec2:CreateTags), C(ec2:Describe*), C(ec2:GetConsoleOutput), C(ec2:TerminateInstances),
    C(ec2:DeleteSecurityGroup) and C(ec2:DeleteKeyPair). With O(instance_policy), also to make and delete roles and
    instance profiles below the path C(/goldsmith/), and C(iam:PassRole). With O(connection=ssm), also
    C(ssm:DescribeInstanceInformation).
seealso:
  - module: goldsmith.images.ec2_source_ami
  - module: goldsmith.images.ec2_ami
  - module: goldsmith.images.ec2_sweep
"""

EXAMPLES = r"""
- name: Start the machine
  goldsmith.images.ec2_builder:
    build_id: 20261122T070000-0a1b2c3d
    image_name: web
    ami: "{{ base.source.id }}"
    root_device: "{{ base.source.root_device }}"
    user: "{{ base.source.user }}"
    instance_types: [t3.small, t3a.small]
  register: builder

- name: Start it on spot capacity in a private subnet, by way of a bastion
  goldsmith.images.ec2_builder:
    build_id: 20261122T070000-0a1b2c3d
    ami: ami-0a1b2c3d4e5f60718
    user: admin
    instance_types: [m7i.large, m7a.large, m6i.large]
    subnet_filters:
      tag:Name: build-*
    security_group_cidrs: [10.0.0.10/32]
    ssh:
      address: private
      args: -o ProxyJump=admin@bastion.example.com
    spot:
      enabled: true
  register: builder

- name: Remove all that was made for it
  goldsmith.images.ec2_builder:
    state: absent
    build_id: 20261122T070000-0a1b2c3d
"""

RETURN = r"""
machine:
  description: The machine.
  returned: success, and O(state=present)
  type: dict
  contains:
    id:
      description: ID of the instance. Null in check mode where there is none yet.
      type: str
      sample: i-0a1b2c3d4e5f60718
    name:
      description: Its tag C(Name).
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
    type:
      description: Instance type that was had.
      type: str
      sample: t3.small
    state:
      description: State.
      type: str
      sample: running
    address:
      description: The address that it is reached at; null with O(connection=ssm).
      type: str
      sample: 203.0.113.7
    public_address:
      description: Public address; null without one.
      type: str
      sample: 203.0.113.7
    private_address:
      description: Private address.
      type: str
      sample: 172.31.5.17
    zone:
      description: Availability zone.
      type: str
      sample: eu-west-1a
    subnet:
      description: ID of the subnet.
      type: str
      sample: subnet-0a1b2c3d
    spot:
      description: Whether it is spot capacity.
      type: bool
      sample: false
    python:
      description: Path of Python in it; null if there is none, or with O(connection=ssm).
      type: str
      sample: /usr/bin/python3
ssh:
  description: How it is entered; null with O(connection=ssm).
  returned: success, and O(state=present)
  type: dict
  contains:
    user:
      description: User.
      type: str
      sample: admin
    port:
      description: TCP port.
      type: int
      sample: 22
    address:
      description: Address.
      type: str
      sample: 203.0.113.7
    key_file:
      description: File of the private key.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d.key
    known_hosts:
      description: File with the host keys of the build's machines, by their IDs.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d.key.known_hosts
    args:
      description: All further arguments that C(ssh) needs, for C(ansible_ssh_common_args).
      type: str
      sample: -o StrictHostKeyChecking=accept-new
resources:
  description: What belongs to the machine.
  returned: success, and O(state=present)
  type: dict
  contains:
    instance:
      description: ID of the instance.
      type: str
      sample: i-0a1b2c3d4e5f60718
    key_pair:
      description: ID of the key pair that was made by this run; else null.
      type: str
      sample: key-0a1b2c3d4e5f60718
    key_name:
      description: Name of the key pair; null without one.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
    security_group:
      description: ID of the security group that was made for the build; else null.
      type: str
      sample: sg-0a1b2c3d4e5f60718
    security_group_ids:
      description: IDs of all security groups of the machine.
      type: list
      elements: str
      sample: [sg-0a1b2c3d4e5f60718]
    instance_profile:
      description: Name of the instance profile; null without one.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
    role:
      description: Name of the role that was made for the build; else null.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
removed:
  description: What was removed, in check mode what would be. What had gone before is not in it.
  returned: O(state=absent)
  type: list
  elements: dict
  contains:
    kind:
      description:
        - V(instance), V(spot_request), V(volume), V(network_interface), V(security_group), V(key_pair),
          V(instance_profile), V(role), or V(key_file) for that on this machine.
      type: str
      sample: instance
    id:
      description: ID; of an instance profile and a role the name, of a file the path.
      type: str
      sample: i-0a1b2c3d4e5f60718
failed_removals:
  description: What could not be removed. The module fails if there is any.
  returned: O(state=absent)
  type: list
  elements: dict
  contains:
    kind:
      description: As in RV(removed).
      type: str
    id:
      description: As in RV(removed).
      type: str
    reason:
      description: Why.
      type: str
"""

from datetime import datetime
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_access import Access
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_builder import Builder, Making, root_device
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_devices import BLOCK_DEVICES, ROOT_VOLUME
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_key import CRYPTOGRAPHY_IMPORT_ERROR
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_release import left_behind, release
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import Wanted
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def present(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params, now = module.params, datetime.now(UTC)
    if CRYPTOGRAPHY_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_IMPORT_ERROR)
    access = Access(
        **{key: params[key] for key in ("connection", "user", "key_name", "key_file", "subnet_filters")},
        **params["ssh"],
        groups=params["security_group_ids"],
        cidrs=params["security_group_cidrs"],
        profile=params["instance_profile"],
        policy=params["instance_policy"],
        subnets=params["subnet_ids"],
    )
    access.check()
    keepsakes = Keepsakes(params["build_id"])
    device = params["root_device"] or root_device(aws, params["ami"])
    wanted = Wanted(
        **{key: params[key] for key in Wanted.__dataclass_fields__ if key not in ("role", "root_device")},
        role=params["role"] or "builder",
        root_device=device,
    )
    wanted.check(now)
    making = Making(aws, wanted, access, keepsakes, now=now, timeout=params["timeout"])
    if module.check_mode:
        found = making.earlier()
        builder = Builder(found or {"State": {"Name": "running"}}, changed=not found)
    else:
        builder = making.present()
    if builder.cloud_init == 1:
        module.warn(
            f"cloud-init ended with errors on {builder.machine['InstanceId']}: see /var/log/cloud-init.log there."
        )
    return _present_result(builder, wanted)


def _present_result(builder: Builder, wanted: Wanted) -> dict[str, Any]:
    machine, door = builder.machine, builder.door
    state = machine["State"]["Name"]
    return {
        "changed": builder.changed,
        "machine": {
            "id": machine.get("InstanceId"),
            "name": wanted.name,
            "type": machine.get("InstanceType"),
            "state": state,
            "address": door.address if door else None,
            "public_address": machine.get("PublicIpAddress"),
            "private_address": machine.get("PrivateIpAddress"),
            "zone": (machine.get("Placement") or {}).get("AvailabilityZone"),
            "subnet": machine.get("SubnetId"),
            "spot": machine.get("InstanceLifecycle") == "spot",
            "python": builder.python,
        },
        "ssh": door
        and {
            "user": door.user,
            "port": door.port,
            "address": door.address,
            "key_file": door.key_file,
            "known_hosts": door.known_hosts,
            "args": door.common_args,
        },
        "resources": _resources(builder, f"goldsmith-{wanted.build_id}"),
        "diff": {"before": {"state": "absent" if builder.changed else state}, "after": {"state": state}},
    }


def _resources(builder: Builder, own: str) -> dict[str, Any]:
    machine = builder.machine
    groups = machine.get("SecurityGroups") or []
    profile = str((machine.get("IamInstanceProfile") or {}).get("Arn", "")).rpartition("/")[2] or None
    return {
        "instance": machine.get("InstanceId"),
        "key_pair": builder.resources.get("key_pair"),
        "key_name": machine.get("KeyName"),
        "security_group": next((group["GroupId"] for group in groups if group.get("GroupName") == own), None),
        "security_group_ids": [group["GroupId"] for group in groups],
        "instance_profile": profile,
        "role": profile if profile == own else None,
    }


def absent(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    keepsakes = Keepsakes(params["build_id"])
    released = release(
        aws, params["build_id"], params["role"], keepsakes, timeout=params["timeout"], dry=module.check_mode
    )
    removed = [{"kind": one.kind, "id": one.id} for one in released.removed]
    if released.key_file:
        removed.append({"kind": "key_file", "id": released.key_file})
    failed = [{"kind": one.kind, "id": one.id, "reason": one.reason} for one in released.failed]
    result = {
        "changed": bool(removed),
        "removed": removed,
        "failed_removals": failed,
        "diff": {"before": {"resources": _lines(removed + failed)}, "after": {"resources": _lines(failed)}},
    }
    if failed:
        module.fail_json(msg=left_behind(released.failed), **result)
    return result


def _lines(resources: list[dict[str, str]]) -> list[str]:
    return [f"{one['kind']} {one['id']}" for one in resources]


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    strings = {"type": "list", "elements": "str", "default": []}
    module = module_class(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "build_id": {"type": "str", "required": True},
            "role": {"type": "str", "choices": ["builder", "verify"]},
            "image_name": {"type": "str", "default": ""},
            "ami": {"type": "str"},
            "root_device": {"type": "str"},
            "expires_in": {"type": "int", "default": 21600},
            "instance_types": strings,
            "subnet_ids": strings,
            "subnet_filters": {"type": "dict", "default": {}},
            "security_group_ids": strings,
            "security_group_cidrs": strings,
            "connection": {"type": "str", "choices": ["ssh", "ssm"], "default": "ssh"},
            "key_name": {"type": "str", "no_log": False},
            "key_file": {"type": "path", "no_log": False},
            "user": {"type": "str"},
            "ssh": {
                "type": "dict",
                "apply_defaults": True,
                "options": {
                    "port": {"type": "int", "default": 22},
                    "address": {"type": "str", "choices": ["auto", "public", "private"], "default": "auto"},
                    "args": {"type": "str", "default": ""},
                    "timeout": {"type": "int", "default": 300},
                },
            },
            "root_volume": ROOT_VOLUME,
            "block_devices": BLOCK_DEVICES,
            "instance_profile": {"type": "str"},
            "instance_policy": {"type": "dict"},
            "user_data": {"type": "str"},
            "public_ip": {"type": "bool"},
            "tenancy": {"type": "str", "choices": ["default", "dedicated", "host"]},
            "availability_zone": {"type": "str"},
            "placement_group": {"type": "str"},
            "host_id": {"type": "str"},
            "enclave": {"type": "bool", "default": False},
            "cpu_credits": {"type": "str", "choices": ["standard", "unlimited"]},
            "ebs_optimized": {"type": "bool"},
            "spot": {
                "type": "dict",
                "apply_defaults": True,
                "options": {
                    "enabled": {"type": "bool", "default": False},
                    "max_price": {"type": "str"},
                    "fallback": {"type": "bool", "default": True},
                },
            },
            "hop_limit": {"type": "int", "default": 1},
            "tags": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 600},
            **AWS_OPTIONS,
        },
        required_if=[("state", "present", ("ami", "instance_types"))],
        mutually_exclusive=[("instance_profile", "instance_policy"), ("subnet_ids", "subnet_filters")],
        supports_check_mode=True,
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
