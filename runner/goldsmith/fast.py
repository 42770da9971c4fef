"""mitogen, where it is installed: modules run in an interpreter that stays in the machine, instead of one each."""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SINCE = (0, 3, 33)
"""The first mitogen that runs under each ansible-core of `CORES`; those before refuse 2.20."""
CORES = frozenset({(2, 19), (2, 20)})
"""The releases of ansible-core that `SINCE` and later know."""
CHOICE = "ANSIBLE_STRATEGY"
"""Ansible's own variable: what a user chooses by it holds, and ``linear`` is the way without mitogen."""


def environment() -> dict[str, str]:
    """Return the variables by which ansible-playbook runs a build through mitogen; none where it does not."""
    if CHOICE in os.environ or reason_against(installed("mitogen"), installed("ansible-core")) is not None:
        return {}
    return {
        CHOICE: "goldsmith_fast",
        "ANSIBLE_STRATEGY_PLUGINS": str(Path(__file__).with_name("strategy")),
        # Ansible's own default lies in the home of whoever a task becomes, and would stay in the image. The lifecycle
        # keeps Ansible from it by ansible_remote_tmp, which mitogen does not read.
        "ANSIBLE_REMOTE_TMP": os.environ.get("ANSIBLE_REMOTE_TMP", "/var/tmp"),  # noqa: S108  names in it are random
        # With setproctitle installed, mitogen names its processes, and the name would be written over the mark by which
        # the processes of a build are found.
        "SPT_NOENV": "1",
    }


def tools() -> dict[str, str]:
    """Return the version of mitogen for the record of a build that goes through it. What is built is the same."""
    return {"mitogen": version("mitogen")} if environment() else {}


def note() -> str:
    """Return what a user should know who has installed mitogen and builds without it, or nothing."""
    return "" if CHOICE in os.environ else reason_against(installed("mitogen"), installed("ansible-core")) or ""


def reason_against(mitogen: str | None, core: str | None) -> str | None:
    """Return why mitogen is not used: an empty text where it is not installed, None where it is used.

    Args:
        mitogen: The version of mitogen, or None.
        core: The version of ansible-core, or None.
    """
    if mitogen is None or core is None:
        return ""
    if _numbers(mitogen) < SINCE:
        needed = ".".join(map(str, SINCE))
        return f"building without mitogen, as {mitogen} is too old; it is used from {needed} on: pip install -U mitogen"
    if _numbers(core)[:2] not in CORES:
        return f"building without mitogen, as it has not been tried with ansible-core {core}"
    return None


def installed(package: str) -> str | None:
    """Return the version of a package of this interpreter, or None.

    Args:
        package: Its name.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
