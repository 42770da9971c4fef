# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a machine that runs can be entered, with all that EC2 knows when it cannot."""

from __future__ import annotations

import time
from typing import Any, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call
from ansible_collections.goldsmith.images.plugins.module_utils._console import last_words
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Answer, Door, attempt
from ansible_collections.goldsmith.images.plugins.module_utils._wait import State, Waiter, delays, wait

QUIET = 10.0
"""Seconds of silence after which EC2 is asked how the machine is."""

DENIED = 20.0
"""Seconds in which a machine that answers may still be writing the key."""

PAUSES = 0.1, 5.0
"""Seconds between two attempts, at least and at most; in between a tenth of the time that has passed. They cost no
call, and little else."""

_AGENT = Waiter("the machine's SSM agent", "Online", ("", "ConnectionLost", "Inactive"), 60)


@call("look at the machine's status checks", missing=["InvalidInstanceID.NotFound"])
def _status(client: Any, name: str) -> dict[str, Any]:
    found = client.describe_instance_status(InstanceIds=[name], IncludeAllInstances=True)["InstanceStatuses"]
    return dict(found[0]) if found else {}


@call("read the machine's console", missing=["UnsupportedOperation", "InvalidParameterCombination"])
def _console(client: Any, name: str, *, latest: bool) -> str:
    return str(client.get_console_output(InstanceId=name, Latest=latest).get("Output") or "")


@call("ask for the machine's SSM agent")
def _agent(client: Any, name: str) -> str:
    filters = [{"Key": "InstanceIds", "Values": [name]}]
    found = client.describe_instance_information(Filters=filters)["InstanceInformationList"]
    return str(found[0].get("PingStatus", "")) if found else ""


def by_ssh(client: Any, name: str, door: Door, timeout: float, permitted: Sequence[str]) -> Answer:
    """Wait until a machine can be entered by SSH and has booted.

    Args:
        client: EC2's client.
        name: Id of the machine.
        door: How it is entered.
        timeout: Seconds.
        permitted: Networks that its security group lets in, as far as they are known.

    Raises:
        Fault: It ended, is impaired, lets nobody in, or does not answer in time.
    """
    begun = time.monotonic()
    deadline, next_look, denied_at = begun + timeout, begun + QUIET, 0.0
    looks = delays(QUIET)
    while True:
        answer = attempt(door, max(deadline - time.monotonic(), 1))
        if answer.ready:
            return answer
        now = time.monotonic()
        denied_at = (denied_at or now) if answer.denied else 0.0
        if denied_at and now >= min(denied_at + DENIED, deadline):
            raise Fault(_denied(door, answer))
        if now >= deadline:
            raise Fault(_silent(client, name, door, answer, timeout=timeout, permitted=permitted))
        if now >= next_look:
            _look(client, name)
            next_look = now + next(looks)
        time.sleep(min(max((now - begun) / 10, PAUSES[0]), PAUSES[1], deadline - now))


def by_ssm(client: Any, ssm: Any, name: str, timeout: float) -> None:
    """Wait until a machine answers to the session manager.

    Args:
        client: EC2's client.
        ssm: SSM's client.
        name: Id of the machine.
        timeout: Seconds.

    Raises:
        Fault: It ended, is impaired, or does not answer in time.
    """
    begun = time.monotonic()

    def probe() -> State:
        state = State(_agent(ssm, name) or "")
        if state.name != _AGENT.goal and time.monotonic() - begun > QUIET:
            _look(client, name)
        return state

    if wait(_AGENT, probe, timeout).name != _AGENT.goal:
        raise Fault(
            f"the SSM agent of the machine {name} has not answered for {timeout:.0f} s. Is the agent in the image, may "
            "the instance profile use it (AmazonSSMManagedInstanceCore), and is there a way from the subnet to SSM "
            f"(a NAT gateway or VPC endpoints)?{_said_on_console(client, name)}"
        )


def _look(client: Any, name: str) -> None:
    """Ask EC2 how the machine is.

    Raises:
        Fault: It does not run any more, or will not answer.
    """
    status = _status(client, name) or {}
    state = str((status.get("InstanceState") or {}).get("Name") or "running")
    if state not in ("pending", "running"):
        raise Fault(
            f"the machine {name} is {state} before it could be entered: its user data or its image may shut it down, "
            f"or somebody has ended it.{_said_on_console(client, name)}"
        )
    checks = {check: str((status.get(f"{check}Status") or {}).get("Status") or "") for check in ("Instance", "System")}
    failed = [check.lower() for check, result in checks.items() if result == "impaired"]
    if failed:
        raise Fault(
            f"the machine {name} fails EC2's {' and '.join(failed)} status check: it does not boot as it should."
            f"{_said_on_console(client, name)}"
        )


def _denied(door: Door, answer: Answer) -> str:
    return (
        f"the machine at {door.address} answers but does not let the user {door.user} in with the key {door.key_file}: "
        f"{answer.said}\nIs {door.user} the user of this image? Set ssh.user to the right one (the option `user`; in a "
        "spec, targets.ec2.machine.user). Debian has admin, Ubuntu ubuntu, Amazon Linux ec2-user."
    )


def _silent(client: Any, name: str, door: Door, answer: Answer, *, timeout: float, permitted: Sequence[str]) -> str:
    if answer.entered:
        return (
            f"the machine {name} can be entered but has not finished to boot after {timeout:.0f} s: cloud-init still "
            f"works. Look at the user data, or set ssh.timeout higher.{_said_on_console(client, name)}"
        )
    group = f"its security group (which lets in {', '.join(permitted)})" if permitted else "its security groups"
    return (
        f"the machine {name} runs but does not answer as {door.user}@{door.address} port {door.port} after "
        f"{timeout:.0f} s: {answer.said or 'nothing was said'}\nLook at the subnet's route (an internet gateway, or a "
        f"way from here to its private addresses), {group}, its network ACL, and ssh.address, ssh.port and ssh.args."
        f"{_said_on_console(client, name)}"
    )


def _said_on_console(client: Any, name: str) -> str:
    """Return the end of the machine's console output, to be appended to a message."""
    try:
        # Only newer types tell the latest; the others what they said at their boot.
        text = _console(client, name, latest=True) or _console(client, name, latest=False) or ""
    except AwsFault as fault:
        return f"\nIts console cannot be shown: {fault}"
    return last_words(text)
