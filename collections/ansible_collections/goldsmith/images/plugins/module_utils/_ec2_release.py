# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking away a temporary machine and all that was made for it, in the account and on this machine."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_leftovers import (
    EC2_KINDS,
    IAM_KINDS,
    Leftover,
    inspect,
    remove,
    search,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import Wanted
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

_KINDS = tuple(kind for kind in EC2_KINDS if kind not in ("image", "snapshot"))
"""What a builder makes in EC2. What is captured from it is not its own."""


class Released(NamedTuple):
    """What came of a release.

    Attributes:
        removed: What was removed, or, when nothing is to be done, what would be.
        failed: What could not be, with the reason.
        key_file: File of the private key that was removed, or would be; empty if there is none.
    """

    removed: Sequence[Leftover]
    failed: Sequence[Leftover]
    key_file: str


def release(
    aws: Aws, build_id: str, role: str | None, keepsakes: Keepsakes, *, timeout: float, dry: bool = False
) -> Released:
    """Remove what was made for a build's machines.

    Args:
        aws: The account.
        build_id: The build.
        role: Only what was made for this, ``builder`` or ``verify``; None for all, and the files on this machine.
        keepsakes: What is kept of the build on this machine.
        timeout: Seconds for the machines to end.
        dry: Only say what would be removed.

    Raises:
        Fault: AWS cannot be asked what there is.
    """
    noted = _noted(aws, build_id, role, keepsakes)
    # IAM, which not every builder may read, is asked only where something may be in it.
    in_iam = not keepsakes.there or any(one.kind in IAM_KINDS for one in noted)
    there, refused = search(
        aws,
        [aws.region],
        [build_id],
        expired=False,
        now=datetime.now(UTC),
        kinds=(*_KINDS, *IAM_KINDS) if in_iam else _KINDS,
        role=role,
        known=noted,
    )
    reasons = [one.reason for one in refused if one.where != "iam" or keepsakes.there]
    if reasons:
        raise Fault("; ".join(reasons))
    made_key = keepsakes.made_key
    key_file = str(made_key) if made_key and not role else ""
    if dry:
        return Released(inspect(aws, there), (), key_file)
    removed, failed = remove(aws, there, timeout)
    if role or failed:
        keepsakes.forget({one.id for one in there} - {one.id for one in failed})
    else:
        keepsakes.discard()
    return Released(removed, failed, "" if failed else key_file)


def undo(aws: Aws, wanted: Wanted, keepsakes: Keepsakes, timeout: float, *, whole: bool, unanswered: bool) -> str:
    """Remove what was made for a machine that did not come to be.

    Args:
        aws: The account.
        wanted: The machine.
        keepsakes: What is kept of the build on this machine.
        timeout: Seconds for the machine to end.
        whole: Whether the build is no more than this machine, and its files go as well.
        unanswered: Whether a call was not answered, so that what it has made, if anything, is known to tags alone.

    Returns:
        What to append to the message of the failure: what is left; mostly nothing.
    """
    there = _noted(aws, wanted.build_id, wanted.role, keepsakes)
    if unanswered:
        with suppress(Fault):
            there, _refused = search(
                aws,
                [aws.region],
                [wanted.build_id],
                expired=False,
                now=datetime.now(UTC),
                kinds=_KINDS,
                role=wanted.role,
                known=there,
            )
    _removed, failed = remove(aws, there, timeout)
    if whole and not failed:
        keepsakes.discard()
    else:
        keepsakes.forget({one.id for one in there} - {one.id for one in failed})
    return f"\n{left_behind(failed)}" if failed else ""


def left_behind(failed: Sequence[Leftover]) -> str:
    """Return what to tell people of what could not be removed."""
    left = "".join(f"\n  {one.kind} {one.id}: {one.reason}" for one in failed)
    return f"Not everything could be removed; goldsmith.images.ec2_sweep finds it by its tags:{left}"


def _noted(aws: Aws, build_id: str, role: str | None, keepsakes: Keepsakes) -> list[Leftover]:
    """Return what is known without asking, as tags are listed some moments late."""
    return [
        Leftover(kind, name, region="" if kind in IAM_KINDS else aws.region, build=build_id)
        for kind, name, of in keepsakes.resources
        if role in (None, of)
    ]
