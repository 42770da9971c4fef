"""What a machine is given when it boots: the part of cloud-init that a lab needs, from a directory of the lab's.

It is mounted under ``/run``, so that none of it is in an image that is made of the machine, but for what cloud-init
leaves there too: the authorised keys and the host keys.
"""

from __future__ import annotations

import shlex
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from goldsmith.lab.userdata import parse

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
  if ! getent passwd "$user" >/dev/null; then
    useradd --create-home --shell /bin/bash "$user"
    mkdir -p /etc/sudoers.d
    echo "$user ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/90-cloud-init-users
    chmod 440 /etc/sudoers.d/90-cloud-init-users
  fi
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
    # The other kinds take their time, and are made only where sshd is told of one.
    if grep -qis '^ *HostKey ' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; then ssh-keygen -A >/dev/null; fi
  fi
fi

mkdir -p /run/systemd/system
[ ! -d "$seed/units" ] || cp -r "$seed/units/." /run/systemd/system/
exec /sbin/init
"""


_RUN = """#!/bin/sh
# Runs the parts of the user data, one after the other; the output goes where cloud-init's does, too.
export INSTANCE_ID={instance}
ignored={ignored}
{{
  [ -z "$ignored" ] || echo "The lab has no cloud-init; ignored in the user data: $ignored"
  for part in {seed}/{name}/*; do
    if [ -e "$part" ] && ! "$part"; then echo "user data: $part failed"; touch /run/goldsmith-lab-failed; fi
  done
}} 2>&1 | tee -a /var/log/cloud-init-output.log
[ ! -e /run/goldsmith-lab-failed ]
"""

_HOOKS = """[Unit]
Description=User data, boot hooks
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
Before=ssh.service sshd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={seed}/run-{name}
StandardOutput=journal+console
"""

_SCRIPTS = """[Unit]
Description=User data, scripts
After=network-online.target ssh.service sshd.service systemd-user-sessions.service goldsmith-lab-hooks.service
[Service]
Type=oneshot
RemainAfterExit=yes
Environment=HOME=/root
ExecStart={seed}/run-{name}
StandardOutput=journal+console
KillMode=process
TimeoutStartSec=infinity
"""


@dataclass(frozen=True)
class Boot:
    """What a machine is given.

    Attributes:
        name: Id of the instance.
        hostname: Its host name.
        user: User that the keys are for.
        keys: Public keys, with their comments.
        data: User data.
        first: Whether the instance boots for the first time.
    """

    name: str
    hostname: str
    user: str = "root"
    keys: tuple[str, ...] = ()
    data: bytes = b""
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
    _write_units(directory, boot)
    init = directory / "init"
    init.write_text(_SCRIPT)
    init.chmod(0o755)


def _write_units(directory: Path, boot: Boot) -> None:
    """Write the user data, and the units that run it."""
    data = parse(boot.data)
    scripts = data.scripts if boot.first else []
    ignored = "; ".join(data.ignored) if boot.first else ""
    units = directory / "units"
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(parents=True)
    # A container may not mount; from Debian 13 on, /tmp is to be a file system of its own.
    (units / "tmp.mount").symlink_to("/dev/null")
    for name, parts, text in (("hooks", data.hooks, _HOOKS), ("scripts", scripts, _SCRIPTS)):
        if not parts and not (name == "scripts" and ignored):
            continue
        folder = directory / name
        folder.mkdir()
        for number, part in enumerate(parts):
            path = folder / f"part-{number:03}"
            path.write_bytes(part)
            path.chmod(0o755)
        run = directory / f"run-{name}"
        run.write_text(_RUN.format(seed=SEED, name=name, instance=boot.name, ignored=shlex.quote(ignored)))
        run.chmod(0o755)
        unit = f"goldsmith-lab-{name}.service"
        (units / unit).write_text(text.format(seed=SEED, name=name))
        (wanted / unit).symlink_to(f"../{unit}")
