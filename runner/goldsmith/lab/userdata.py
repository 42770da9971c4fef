"""User data as cloud-init reads it, as far as a lab goes: scripts and boot hooks, alone or in a MIME message."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

_HOOK = b"#cloud-boothook"
_TYPES = {"text/cloud-boothook": _HOOK, "text/x-shellscript": b"#!"}


@dataclass
class UserData:
    """What a machine is to do.

    Attributes:
        hooks: Run early at every boot.
        scripts: Run when the system is up, at the first boot.
        ignored: First lines, or types, of what only cloud-init itself understands.
    """

    hooks: list[bytes] = field(default_factory=list)
    scripts: list[bytes] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse(data: bytes) -> UserData:
    """Read user data."""
    found = UserData()
    _add(found, data)
    return found


def _add(found: UserData, data: bytes, kind: bytes = b"") -> None:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    data = data.replace(b"\r\n", b"\n")
    if not data.strip():
        return
    if data.startswith(_HOOK) or kind == _HOOK:
        found.hooks.append(data.removeprefix(_HOOK).lstrip())
    elif data.startswith(b"#!"):
        found.scripts.append(data)
    elif data[:80].lower().startswith((b"content-type: multipart", b"mime-version:")):
        for part in message_from_bytes(data).walk():
            _add_part(found, part)
    else:
        found.ignored.append(data.split(b"\n", 1)[0].decode(errors="replace"))


def _add_part(found: UserData, part: Message) -> None:
    if part.is_multipart():
        return
    payload = part.get_payload(decode=True)
    kind = part.get_content_type()
    if isinstance(payload, bytes) and (kind in _TYPES or kind in ("text/plain", "application/octet-stream")):
        _add(found, payload, _TYPES.get(kind, b""))
    else:
        found.ignored.append(kind)
