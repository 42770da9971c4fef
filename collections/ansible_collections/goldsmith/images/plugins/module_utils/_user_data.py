# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User data of a temporary machine: what the user gives, and a timer that ends the machine. Pure."""

from __future__ import annotations

import gzip
import hashlib
from datetime import datetime
from email import message_from_string
from email.errors import MessageError
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

LIMIT = 16384
"""Bytes that EC2 takes (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html)."""

_KINDS = (
    ("#!", "x-shellscript"),
    ("#cloud-config-archive", "cloud-config-archive"),
    ("#cloud-config", "cloud-config"),
    ("#cloud-boothook", "cloud-boothook"),
    ("#include-once", "x-include-once-url"),
    ("#include", "x-include-url"),
    ("#part-handler", "part-handler"),
    ("## template: jinja", "jinja2"),
)
"""How cloud-init tells kinds of user data apart; the first that fits counts."""

# `shutdown -P +minutes` will not do: boot hooks run before logind, and without logind systemd shuts down at once
# (https://github.com/systemd/systemd/pull/10061). systemd itself can be asked for a timer at any time; not to wait for
# it is a must, as it becomes active only after the unit that this runs in. A boot hook runs at every boot, so that a
# reboot does not lose the timer.
_SWITCH = """\
#cloud-boothook
#!/bin/sh
# Goldsmith's dead man's switch: this machine is a temporary one, and ends at {expires:%Y-%m-%dT%H:%M:%SZ}.
left=$(({epoch} - $(date +%s)))
[ "$left" -ge 60 ] || left=60
if [ -d /run/systemd/system ]; then
  systemd-run --no-block --unit=goldsmith-expiry --on-active="$left" systemctl poweroff
else
  (sleep "$left"; poweroff) </dev/null >/dev/null 2>&1 &
fi
"""


def switch(expires: datetime) -> str:
    """Return user data that ends the machine at a point in time, whatever becomes of the build.

    Args:
        expires: When; with a zone. A machine that boots later is given a minute.
    """
    return _SWITCH.format(expires=expires, epoch=int(expires.timestamp()))


def compose(text: str | None, expires: datetime) -> bytes:
    """Return user data of which the user's and the timer are parts; the same for the same arguments.

    Raises:
        Fault: cloud-init would ignore the user's text, or it is too long.
    """
    own = switch(expires)
    if not text or not text.strip():
        return own.encode()
    boundary = f"goldsmith-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    whole = MIMEMultipart("mixed", boundary)
    whole.attach(_text("cloud-boothook", own))
    whole.attach(_part(text))
    data = whole.as_bytes()
    if len(data) > LIMIT:
        data = gzip.compress(data, mtime=0)
    if len(data) > LIMIT:
        raise Fault(
            f"user_data is {len(text.encode())} bytes long and does not fit into EC2's {LIMIT}, even compressed. "
            "Let a layer do the work, or let it fetch the rest with #include."
        )
    return data


def _part(text: str) -> Message:
    if text.startswith(("Content-Type: multipart/", "MIME-Version:")):
        try:
            part = message_from_string(text)
        except MessageError as error:
            raise Fault(f"user_data looks like a MIME message but is none: {error}") from error
        if part.is_multipart():
            return part
    for beginning, kind in _KINDS:
        if text.startswith(beginning):
            return _text(kind, text)
    first = text.strip().splitlines()[0][:60]
    raise Fault(
        f"cloud-init would ignore user_data that begins with {first!r}. Begin it with #! and an interpreter for a "
        "script, or with #cloud-config."
    )


def _text(kind: str, text: str) -> MIMEText:
    return MIMEText(text, kind, "us-ascii" if text.isascii() else "utf-8")
