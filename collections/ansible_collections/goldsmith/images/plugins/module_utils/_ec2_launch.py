# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the temporary machine: one way after the other while there is no capacity, and never twice."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Callable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_ROLE,
    AwsFault,
    call,
    tag_filter,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import (
    Candidate,
    Surroundings,
    Wanted,
    candidates,
    request,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently
from ansible_collections.goldsmith.images.plugins.module_utils._wait import RUNNING, State, wait

NO_CAPACITY = (
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "Unsupported",
)
"""What another type, zone or subnet may help against (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)."""

NO_SPOT = ("MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow", "UnfulfillableCapacity")
"""What another type, or building on demand, may help against."""

FIRST_LOOK = 0.5
"""Seconds that no machine is started in."""

UNSEEN = 60.0
"""Seconds in which what was made a moment ago, an instance profile above all, becomes known to all of EC2."""

_UNKNOWN = {
    "key_pair": "InvalidKeyPair.NotFound",
    "security_group": "InvalidGroup.NotFound",
    "instance_profile": "Invalid IAM Instance Profile",
}
"""What EC2 says of things that it does not know (yet)."""

_ENDED = ("shutting-down", "terminated")
_GENERATIONS = 5


@call("start the machine")
def _run(client: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    return dict(client.run_instances(**asked)["Instances"][0])


@call("look at the machine", missing=["InvalidInstanceID.NotFound"])
def _describe(client: Any, name: str) -> dict[str, Any] | None:
    return _first(client.describe_instances(InstanceIds=[name]))


@call("look for the machine")
def _search(client: Any, filters: list[dict[str, Any]]) -> dict[str, Any] | None:
    return _first(client.describe_instances(Filters=filters))


def _first(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    return next((dict(one) for group in answer["Reservations"] for one in group["Instances"]), None)


def find(client: Any, build_id: str, role: str) -> dict[str, Any] | None:
    """Return the machine of a build as EC2 describes it, if there is one that has not ended."""
    there = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    return _search(client, [tag_filter(TAG_BUILD, build_id), tag_filter(TAG_ROLE, role), there])


def launch(
    client: Any,
    wanted: Wanted,
    around: Surroundings,
    *,
    now: datetime,
    timeout: float,
    started: Callable[[str], None],
) -> dict[str, Any]:
    """Start the machine, in the first way there is capacity for, and wait until it runs.

    Args:
        client: EC2's client.
        wanted: The machine.
        around: What there is for it.
        now: The present time.
        timeout: Seconds until it must run.
        started: Is told the id of each machine that is started, before it is waited for.

    Returns:
        The machine as EC2 describes it.

    Raises:
        Fault: There is no capacity, or it does not come to run.
    """
    # Lacking capacity is an answer with status 500, which botocore would ask again for, eight times.
    client.meta.events.register_first("needs-retry.ec2.RunInstances", _take_for_an_answer, unique_id="goldsmith")
    ways = candidates(wanted.instance_types, around.subnets, wanted.spot)
    refused = []
    for way in ways:
        try:
            machine = _start(client, wanted, way, around, now)
            started(machine["InstanceId"])
            time.sleep(FIRST_LOOK)
            return wait_running(client, machine["InstanceId"], timeout)
        except AwsFault as fault:
            if fault.code not in NO_CAPACITY and not (way.spot and fault.code in NO_SPOT):
                raise
            refused.append(f"{way}: {fault.code}: {fault.detail}")
    raise Fault(
        "EC2 has no machine of "
        + ("the wanted kind" if len(ways) == 1 else f"any of the {len(ways)} wanted kinds")
        + " now:\n  "
        + "\n  ".join(refused)
        + "\nName more instance_types or subnet_ids in other zones, or try again later."
    )


def _take_for_an_answer(response: Any, **_others: Any) -> None:
    if response is not None:
        http, parsed = response
        if parsed.get("Error", {}).get("Code") in NO_CAPACITY + NO_SPOT:
            http.status_code = 400


def _start(client: Any, wanted: Wanted, way: Candidate, around: Surroundings, now: datetime) -> dict[str, Any]:
    def unseen(fault: AwsFault) -> bool:
        return any(_UNKNOWN[kind] == fault.code or _UNKNOWN[kind] in fault.detail for kind in around.made)

    for generation in range(_GENERATIONS):
        asked = request(wanted, way, around, now, generation)
        try:
            machine = patiently(lambda: _run(client, asked), unseen, UNSEEN)  # noqa: B023  called here
        except AwsFault as fault:
            if fault.code != "IdempotentParameterMismatch":
                raise
            # It was started by an earlier run, which asked for another time of expiry.
            machine = find(client, wanted.build_id, wanted.role)
        if machine and machine["State"]["Name"] not in _ENDED:
            return machine
    raise Fault(f"{_GENERATIONS} machines of the build {wanted.build_id} have ended: begin a build with a new id.")


def wait_running(client: Any, name: str, timeout: float) -> dict[str, Any]:
    """Wait until a machine runs; return it as EC2 describes it.

    Raises:
        AwsFault: It ended for lack of capacity; the code tells of which.
        Fault: It ended, or does not run in time.
    """
    seen: dict[str, Any] = {}

    def probe() -> State:
        seen.clear()
        seen.update(_describe(client, name) or {})
        state, why = str(seen.get("State", {}).get("Name", "")), seen.get("StateReason") or {}
        code = str(why.get("Code", "")).partition(".")[2]
        if state in _ENDED and code in NO_CAPACITY:
            raise AwsFault(f"the machine {name} ended: {why.get('Message')}", code, str(why.get("Message", "")))
        return State(state, _reason(state, why))

    state = wait(RUNNING, probe, timeout)
    if state.name != RUNNING.goal:
        raise Fault(f"the machine {name} is still {state.name or 'unknown to EC2'} after {timeout:.0f} s")
    return seen


def _reason(state: str, why: Mapping[str, str]) -> str:
    told = str(why.get("Message") or "")
    if state in _ENDED and why.get("Code") == "Client.InternalError":
        return f"{told}. Mostly that is a KMS key that the builder may not use: look at kms_key and the key's policy."
    if state == "stopped":
        return f"{told}. It was captured, or stopped by somebody: release the build (state=absent) and begin again."
    return told
