"""What the machines of an Ansible inventory say that they run, by the stamp that builds leave in them."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from goldsmith import home, processes
from goldsmith.fleet.running import Found, Running, Unreached

STAMP = "/etc/goldsmith-release"
FORKS = 50
"""Machines that are asked at once; asking is waiting, for the most part."""
PATIENCE = 60
"""Seconds without a word from any machine, after which those that are left count as silent."""


def hosts(inventory: str) -> Found:
    """Return the machines of an inventory.

    They are asked for one file by ``raw``, so that a machine without Python answers too, and nothing is changed on it.

    Args:
        inventory: A file, a directory, a plugin's configuration, or hosts with a comma behind each.
    """
    import ansible_runner  # noqa: PLC0415  half a second that `goldsmith --help` need not pay

    if "," not in inventory and not Path(inventory).exists():
        return Found(unreached=[Unreached(inventory, "", "there is no such inventory")])
    with home.private_directory("fleet", secret=False) as private:
        config = ansible_runner.RunnerConfig(
            private_data_dir=str(private),
            project_dir=str(Path.cwd()),  # where Ansible looks for ansible.cfg, and for what the inventory names
            inventory=inventory if "," in inventory else str(Path(inventory).absolute()),
            host_pattern="all",
            module="ansible.builtin.raw",
            module_args=f"cat {STAMP}",
            forks=FORKS,
            envvars={
                processes.MARK: private.name,
                "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
                "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_FORCE_COLOR": "0",
                "ANSIBLE_DEPRECATION_WARNINGS": "0",
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
            },
            settings={"suppress_output_file": True, "pexpect_timeout": 1},
            quiet=True,
        )
        config.prepare()
        events: list[Mapping[str, Any]] = []
        output: list[str] = []
        heard = time.monotonic()

        def handle(event: dict[str, Any]) -> bool:
            nonlocal heard
            heard = time.monotonic()
            events.append({"event": event.get("event"), **(event.get("event_data") or {})})
            output.append(event.get("stdout") or "")
            return False

        def silent() -> bool:
            if time.monotonic() - heard < PATIENCE:
                return False
            # Ansible's workers lead sessions of their own, and an ssh that waits for ever keeps the terminal open.
            processes.end(private.name)
            return True

        runner = ansible_runner.Runner(config, event_handler=handle, cancel_callback=silent)
        try:
            runner.run()
        finally:
            processes.end(private.name)
    found = _found(events, inventory)
    if not found.running and not found.unreached and runner.rc:
        return Found(unreached=[Unreached(inventory, "", _last_line(output))])
    return found


def _found(events: Iterable[Mapping[str, Any]], inventory: str) -> Found:
    running: dict[str, Running] = {}
    unreached: dict[str, Unreached] = {}
    asked: dict[str, None] = {}
    for event in events:
        host = str(event.get("host") or "")
        result = event.get("res") or {}
        match event["event"]:
            case "runner_on_start":
                asked[host] = None
            case "runner_on_ok":
                running[host] = stamped(str(result.get("stdout") or ""), host, inventory)
            case "runner_on_failed":
                running[host] = stamped("", host, inventory)
            case "runner_on_unreachable":
                unreached[host] = Unreached(inventory, host, " ".join(str(result.get("msg") or "").split()))
    for host in asked.keys() - running.keys() - unreached.keys():
        unreached[host] = Unreached(inventory, host, f"it did not answer within {PATIENCE} seconds")
    return Found(
        [running[host] for host in sorted(running)],
        [unreached[host] for host in sorted(unreached)],
    )


def stamped(text: str, host: str, inventory: str) -> Running:
    """Return a machine by its stamp, which has the form of os-release(5); one without is known by nothing."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals:
            try:
                found[name] = "".join(shlex.split(value))
            except ValueError:  # a quote that does not close
                continue
    image = " ".join(filter(None, (found.get("IMAGE_ID"), found.get("IMAGE_VERSION"))))
    return Running("host", inventory, host, image or "no stamp", build=found.get("BUILD_ID", ""))


def _last_line(output: Iterable[str]) -> str:
    lines = [line for text in output for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "Ansible could not read it"
