# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The temporary machine of a build, with all that it needs: made in order, undone in reverse when a step fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_network, _ec2_profile
from ansible_collections.goldsmith.images.plugins.module_utils._at_once import at_once
from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_BUILD, Aws, AwsFault, call
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_access import Access
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_key import import_pair, prepare
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_launch import find, launch, wait_running
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_reach import by_ssh, by_ssm
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_release import undo
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import Surroundings, Wanted
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._iam_leftovers import iam_name
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Door
from ansible_collections.goldsmith.images.plugins.module_utils._wait import RUNNING

UNANSWERED = ("", "InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable")
"""Error codes after which a call may have been carried out all the same; none means that there was no answer."""


@dataclass
class Builder:
    """The machine and what belongs to it.

    Attributes:
        machine: As EC2 describes it.
        changed: Whether it was started now.
        door: How it is entered by SSH; None without.
        python: Path of Python in it, or None if there is none or that is not known.
        cloud_init: Exit status of cloud-init there, or None.
        resources: What else was made for it, by kind: ids; of what is in IAM, names.
    """

    machine: Mapping[str, Any]
    changed: bool
    door: Door | None = None
    python: str | None = None
    cloud_init: int | None = None
    resources: Mapping[str, str] = field(default_factory=dict)


@call("look at the image")
def _describe_image(client: Any, name: str) -> dict[str, Any]:
    return dict(client.describe_images(ImageIds=[name])["Images"][0])


def root_device(aws: Aws, ami: str) -> str:
    """Return the name of an image's root device.

    Raises:
        AwsFault: There is no such image.
    """
    return str((_describe_image(aws.client(), ami) or {})["RootDeviceName"])


class Making:
    """Makes the machine of a build.

    Args:
        aws: The account.
        wanted: The machine.
        access: Who may enter it.
        keepsakes: What is kept of the build on this machine.
        now: The present time.
        timeout: Seconds until it must run.
    """

    def __init__(
        self, aws: Aws, wanted: Wanted, access: Access, keepsakes: Keepsakes, *, now: datetime, timeout: float
    ) -> None:
        self._aws, self._wanted, self._access, self._now = aws, wanted, access, now
        self._timeout, self._keepsakes = timeout, keepsakes
        self._client = aws.client()
        self._key_file = Path(access.key_file) if access.key_file else keepsakes.key
        self._name = f"goldsmith-{wanted.build_id}"
        self._tags = wanted.all_tags(now)
        self._resources: dict[str, str] = {}
        self._let_in: Sequence[str] = access.cidrs
        self._lock = threading.Lock()

    def earlier(self) -> dict[str, Any] | None:
        """Return the machine that an earlier run started, as EC2 describes it, if it has not ended.

        Where nothing is kept of the build, there is none, and no call is made. Nor is one made with a key pair of
        somebody else's, which may be that of another machine of the build; there the client token tells.
        """
        if not self._keepsakes.there or self._access.key_name:
            return None
        return find(self._client, self._wanted.build_id, self._wanted.role)

    def present(self) -> Builder:
        """Make the machine and wait until it can be entered, or find that of an earlier run.

        Raises:
            Fault: A step failed. What was made is undone, but the machine of an earlier run stays.
        """
        found = self.earlier()
        if found:
            if self._access.makes_key and not self._key_file.exists():
                raise Fault(
                    f"the machine {found['InstanceId']} of this build runs, but its private key {self._key_file} is "
                    "gone. Release the build first (state=absent), then begin again."
                )
            if found["State"]["Name"] != RUNNING.goal:
                found = wait_running(self._client, found["InstanceId"], self._timeout)
            return self._enter(found, changed=False)
        whole = not self._access.key_name or not self._keepsakes.there
        try:
            around = self._surroundings()
            machine = launch(
                self._client,
                self._wanted,
                around,
                now=self._now,
                timeout=self._timeout,
                started=lambda name: self._note("instance", name),
            )
            return self._enter(machine, changed=True)
        except Fault as fault:
            left = self._undo(whole=whole, unanswered=isinstance(fault, AwsFault) and fault.code in UNANSWERED)
            raise Fault(f"{fault}{left}") from fault
        except BaseException:
            # Interrupted, or a flaw; that matters more than what a sweep finds by its tags.
            self._undo(whole=whole, unanswered=True)
            raise

    def _surroundings(self) -> Surroundings:
        access = self._access
        self._keepsakes.remember()
        subnets, vpc = list(access.subnets), None
        if access.subnet_filters or (subnets and not access.groups):
            found = _ec2_network.subnets(self._client, access.subnets, access.subnet_filters)
            subnets, vpc = [one.id for one in found], found[0].vpc
        jobs: dict[str, Callable[[], None]] = {}
        if access.makes_key:
            jobs["key_pair"] = self._key_job()
        if not access.groups:
            jobs["security_group"] = self._group_job(vpc)
        if access.policy:
            jobs["instance_profile"] = self._profile_job(access.policy)
        for answer in at_once(jobs).values():
            if isinstance(answer, Fault):
                raise answer
        return Surroundings(
            key_name=access.key_name or (self._name if access.makes_key else None),
            groups=access.groups or [self._resources["security_group"]],
            profile=access.profile or self._resources.get("instance_profile"),
            subnets=subnets,
            made=list(jobs),
        )

    # Each of these returns what a thread is to do; clients are made beforehand.

    def _key_job(self) -> Callable[[], None]:
        public = prepare(self._keepsakes, self._key_file)
        return lambda: self._note("key_pair", import_pair(self._client, self._name, public, self._tags))

    def _group_job(self, vpc: str | None) -> Callable[[], None]:
        access, build = self._access, {TAG_BUILD: self._wanted.build_id}

        def job() -> None:
            group, new = _ec2_network.make_group(self._client, self._name, vpc, build, self._tags)
            self._note("security_group", group, new=new)
            if access.by_ssh:
                self._let_in = access.cidrs or [_ec2_network.caller(self._aws, access.address == "private")]
                _ec2_network.let_in(self._client, group, _ec2_network.permissions(self._let_in, access.port))

        return job

    def _profile_job(self, policy: Mapping[str, Any]) -> Callable[[], None]:
        iam, name = self._aws.client("iam"), iam_name(self._wanted.build_id)
        # Beforehand: IAM is not searched where nothing is noted of it.
        self._note("instance_profile", name)
        self._note("role", name)
        return lambda: _ec2_profile.make(iam, name, policy, not self._access.by_ssh, self._tags)

    def _note(self, kind: str, name: str, *, new: bool = True) -> None:
        """Note a resource that the machine uses; what is new is to be undone with it."""
        with self._lock:
            self._resources[kind] = name
            if new and name not in (noted for _kind, noted, _role in self._keepsakes.resources):
                self._keepsakes.remember(resources=[(kind, name, self._wanted.role)])

    def _undo(self, *, whole: bool, unanswered: bool) -> str:
        return undo(self._aws, self._wanted, self._keepsakes, self._timeout, whole=whole, unanswered=unanswered)

    def _enter(self, machine: Mapping[str, Any], changed: bool) -> Builder:
        builder = Builder(machine, changed, resources=self._resources)
        name, access = str(machine["InstanceId"]), self._access
        if access.by_ssh:
            builder.door = access.door(machine, str(self._key_file), str(self._keepsakes.known_hosts))
            answer = by_ssh(self._client, name, builder.door, access.timeout, self._let_in)
            builder.python, builder.cloud_init = answer.python, answer.cloud_init
        else:
            by_ssm(self._client, self._aws.client("ssm"), name, access.timeout)
        return builder
