"""The public images that every lab has: Debian as its cloud images are, but small, made once and kept by the engine."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from docker.errors import ImageNotFound

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import proxies, sources_from_host
from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options
from ansible_collections.goldsmith.images.plugins.module_utils._debootstrap import recipe
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock
from ansible_collections.goldsmith.images.plugins.module_utils._mmdebstrap import built, cache_folder
from ansible_collections.goldsmith.images.plugins.module_utils._source import make_base
from goldsmith.errors import EnvironmentFault

OWNER = "136693071363"
"""Account of Debian's own images."""

_REPOSITORY = "goldsmith/lab-base"

_PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "less",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
)

_PREPARE = """set -e
useradd --create-home --shell /bin/bash --groups adm,sudo {user}
passwd --lock {user}
echo '{user} ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-cloud-init-users
chmod 440 /etc/sudoers.d/90-cloud-init-users
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
cat >/usr/bin/cloud-init <<'END'
{cloud_init}END
chmod 755 /usr/bin/cloud-init
systemctl mask --quiet console-getty.service e2scrub_all.timer e2scrub_reap.service systemd-journal-flush.service
"""
"""As in Debian's own images: a user without password that may do everything. No getty, whose prompt would end up on
the console that shows why SSH does not answer."""


_CLOUD_INIT = """#!/bin/sh
# What the lab has of cloud-init: `cloud-init status --wait` ends when the machine has booted and its user data ran.
if [ "$1" = status ]; then
  case " $* " in *" --wait "*) systemctl is-system-running --wait >/dev/null 2>&1 ;; esac
  if [ -e /run/goldsmith-lab-failed ]; then echo "status: error"; exit 1; fi
  echo "status: done"
fi
"""


@dataclass(frozen=True)
class Base:
    """A public image.

    Attributes:
        name: Its name in EC2.
        description: Its description.
        suite: Debian's release.
        user: User that EC2's key pair is given to.
        parameter: Public parameter of the Systems Manager that holds its id.
    """

    name: str
    description: str
    suite: str
    user: str
    parameter: str

    @functools.cached_property
    def reference(self) -> str:
        """The image in the engine. Another one is made when what it is made of, or from where, changes."""
        sources = [source.line for source in sources_from_host(self.suite, ["main"])]
        data = json.dumps([self.suite, self.user, _PACKAGES, _PREPARE, _CLOUD_INIT, sources])
        return f"{_REPOSITORY}:{self.suite}-{hashlib.sha256(data.encode()).hexdigest()[:12]}"


BASES = (
    Base(
        "debian-12-amd64-lab",
        "Debian 12 (lab)",
        "bookworm",
        "admin",
        "/aws/service/debian/release/12/latest/amd64",
    ),
    Base(
        "debian-13-amd64-lab",
        "Debian 13 (lab)",
        "trixie",
        "admin",
        "/aws/service/debian/release/13/latest/amd64",
    ),
)


def is_made(api: Any, reference: str) -> bool:
    """Tell whether the engine has an image."""
    try:
        api.inspect_image(reference)
    except ImageNotFound:
        return False
    return True


def make(client: Any, base: Base, reference: str) -> None:
    """Make a base, unless another process has made it meanwhile.

    Raises:
        EnvironmentFault: It cannot be made.
    """
    try:
        with Lock(cache_folder() / f"lab-{reference.partition(':')[2]}.lock"):
            if is_made(client.api, reference):
                return
            os.environ.update(proxies())
            options = Options(base.suite, None, ["main"], sorted(_PACKAGES), "minbase", None)
            wanted, _warnings = recipe(options, None, 30)
            source, _made = make_base(client, wanted, built)
            _prepare(client.api, source["Id"], base, reference)
    except Fault as fault:
        raise EnvironmentFault(f"the lab's base {base.name} cannot be made: {fault}") from fault


def _prepare(api: Any, source: str, base: Base, reference: str) -> None:
    script = _PREPARE.format(user=base.user, cloud_init=_CLOUD_INIT)
    container = api.create_container(source, command=["/bin/sh", "-c", script], network_disabled=True)["Id"]
    try:
        api.start(container)
        status = api.wait(container)["StatusCode"]
        if status:
            said = api.logs(container).decode(errors="replace")
            raise EnvironmentFault(f"the lab's base {base.name} cannot be prepared, exit status {status}: {said}")
        repository, _, tag = reference.partition(":")
        api.commit(container, repository=repository, tag=tag)
    finally:
        api.remove_container(container, force=True, v=True)
