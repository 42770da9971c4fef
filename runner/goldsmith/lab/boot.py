"""What a machine is given when it boots: the part of cloud-init that a lab needs, from a directory of the lab's.

It is mounted under ``/run``, so that none of it is in an image that is made of the machine, but for what cloud-init
leaves there too: the authorised keys and the host keys.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

SEED = "/run/goldsmith-lab"
INIT = f"{SEED}/init"
BOOT_ID = f"{SEED}/boot-id"
"""File that the machine's own boot id is in."""

_SCRIPT = r"""#!/bin/sh
# Before the system's own init: waits until the lab has connected the machine, then does what cloud-init would do.
seed=/run/goldsmith-lab
until [ -e "$seed/ready" ]; do sleep 0.01; done

authorize() { # USER OPTIONS
  entry=$(getent passwd "$1") || return 0
  home=$(echo "$entry" | cut -d: -f6) owner=$(echo "$entry" | cut -d: -f3,4)
  mkdir -p "$home/.ssh"
  while read -r key; do
    grep -qsxF "$2$key" "$home/.ssh/authorized_keys" || echo "$2$key" >>"$home/.ssh/authorized_keys"
  done <"$seed/authorized_keys"
  chown -R "$owner" "$home/.ssh"
  chmod 700 "$home/.ssh"
  chmod 600 "$home/.ssh/authorized_keys"
}

if [ -e "$seed/first" ]; then
  user=$(cat "$seed/user")
  if [ -s "$seed/authorized_keys" ]; then
    if [ "$user" = root ]; then authorize root ""; else
      authorize "$user" ""
      hint="echo 'Please login as the user \\\"$user\\\" rather than the user \\\"root\\\".';echo;sleep 10;exit 142"
      authorize root "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"$hint\" "
    fi
  fi
  if command -v ssh-keygen >/dev/null; then
    rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
    ssh-keygen -q -t ed25519 -N '' -C "root@$(hostname)" -f /etc/ssh/ssh_host_ed25519_key
  fi
fi

mkdir -p /run/systemd/system
[ ! -d "$seed/units" ] || cp -r "$seed/units/." /run/systemd/system/
exec /sbin/init
"""


@dataclass(frozen=True)
class Boot:
    """What a machine is given.

    Attributes:
        hostname: Its name.
        user: User that the keys are for.
        keys: Public keys, with their comments.
        first: Whether the instance boots for the first time.
    """

    hostname: str
    user: str = "root"
    keys: tuple[str, ...] = ()
    first: bool = True


def write_seed(directory: Path, boot: Boot) -> None:
    """Write what a machine is given to its directory, in place of what it was given before.

    The directory itself stays: it is mounted in the machine.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for old in directory.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    (directory / "boot-id").write_text(f"{uuid.uuid4()}\n")
    (directory / "user").write_text(boot.user)
    (directory / "authorized_keys").write_text("".join(f"{key}\n" for key in boot.keys))
    if boot.first:
        (directory / "first").touch()
    init = directory / "init"
    init.write_text(_SCRIPT)
    init.chmod(0o755)
