# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that builds share: what one has downloaded by APT, the next ones need not download again.

They lie in a volume of the engine that builders can read and not write. A builder has a directory of downloads of its
own, in a volume that goes with it, so that nothing of either is in the image and no build waits for another one's lock.
What is shared is offered to APT as downloads that were cut off at their very end: of those it takes what has the hash
that the signed index tells, and downloads the rest. (What lies among the complete ones it takes by the size alone.)
"""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from typing import IO, Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._container import execute
from ansible_collections.goldsmith.images.plugins.module_utils._docker import (
    LABEL_BUILD,
    LABEL_EXPIRES,
    LABEL_ROLE,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, DockerException, NotFound
    from docker.types import Mount
    from requests.exceptions import RequestException

ROLE = "downloads"
"""Value of the label that volumes with shared packages bear."""

VOLUME = "goldsmith-downloads"
"""What their names begin with; a number follows."""

MOST = 2 << 30
"""Bytes from which on a new volume is begun; the old one goes when no builder has it any more."""

PLACE = "/dev/shm"  # noqa: S108  in the builder
"""Where the builder's own volume is mounted. Every container has this directory, and none of them in its image: a mount
point elsewhere would be left there."""

_HERE = f"{PLACE}/goldsmith"
_STORE = f"{_HERE}/store"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_%:-]*\.deb")
_LIFETIME = timedelta(hours=1)
_CONFIGURATION = f"{_HERE}/apt.conf"

ENVIRONMENT = {"APT_CONFIG": _CONFIGURATION}
"""Makes a builder's APT use what is shared; see apt.conf(5)."""

# What an update finds may have come since the builder was started. -n: what is being downloaded stays.
PREPARE = f"""(
chmod 1777 {PLACE} && cd {_HERE} && command -v apt-get || exit 0
mkdir -p found archives/partial
echo 'cd {_HERE} && cp -Pn store/*.deb archives/partial/ 2>/dev/null || :' > offer
echo 'cd {_HERE} && for file in archives/*.deb; do [ -L "$file" ] || ln -f "$file" found/; done 2>/dev/null || :' > keep
printf '%s\\n' 'Dir::Cache::archives "{_HERE}/archives/";' 'APT::Update::Pre-Invoke {{ "sh {_HERE}/offer"; }};' \\
    'DPkg::Pre-Invoke {{ "sh {_HERE}/keep"; }};' > {_CONFIGURATION}
sh offer
) >/dev/null 2>&1 || :
"""
"""What a builder runs at its start, before any APT."""

_FOUND = f"cd {_HERE}/found 2>/dev/null && ls | head -1 && du -sk {_STORE}/ | cut -f1"


def volumes(client: Any) -> list[str]:
    """Return the names of the volumes with shared packages, the one in use last."""
    found = client.api.volumes(filters={"label": f"{LABEL_ROLE}={ROLE}"})["Volumes"] or ()
    return sorted((one["Name"] for one in found), key=_number)


def _number(volume: str) -> int:
    tail = volume.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _after(volume: str) -> str:
    return f"{VOLUME}-{_number(volume) + 1}"


def mounts(client: Any) -> list[Mount]:
    """Return what a builder mounts. Older volumes that no builder has any more are removed."""
    *old, current = volumes(client) or [_after("")]
    for volume in old:
        remove(client, volume)
    return [Mount(PLACE, None), _mount(_STORE, current, read_only=True)]


def _mount(path: str, volume: str, *, read_only: bool = False) -> Mount:
    return Mount(path, volume, read_only=read_only, labels={LABEL_ROLE: ROLE})


def remove(client: Any, volume: str) -> bool:
    """Remove a volume; return whether it went: one that a builder has stays."""
    try:
        client.api.remove_volume(volume)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:
            raise
        return False
    return True


def share(client: Any, container: str, build_id: str) -> int:
    """Share what a builder has downloaded, as far as that can be; return the number of packages.

    Nothing that goes wrong here is worth a failure: the next build downloads for itself.

    Args:
        client: A connected client.
        container: Name or id of the builder.
        build_id: Its build.
    """
    with suppress(Exception):
        return _share(client, client.api.inspect_container(container), build_id)
    return 0


def _share(client: Any, builder: Mapping[str, Any], build_id: str) -> int:
    store = next((mount["Name"] for mount in builder["Mounts"] if mount["Destination"] == _STORE), None)
    if store is None or not builder["State"]["Running"]:
        return 0
    first, _newline, kibibytes = execute(client, builder["Id"], _FOUND).stdout.strip().rpartition("\n")
    if not first:
        return 0
    if int(kibibytes) << 10 > MOST:
        store = _after(store)
    chunks, _stat = client.api.get_archive(builder["Id"], f"{_HERE}/found")
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as archive:
        for chunk in chunks:
            told.write(chunk)
        told.seek(0)
        count = _pack(told, archive, f"{build_id}-{os.urandom(4).hex()}")
        archive.seek(0)
        if count:
            _put(client, store, builder["Image"], archive, build_id)
    return count


def _pack(told: IO[bytes], archive: IO[bytes], folder: str) -> int:
    """Write an archive with the packages of another one, as they are to lie in the volume; return their number. Pure.

    A file is never replaced, as a builder may be about to unpack it: it lies in a folder of its own. The link by which
    it is offered comes after it, when it is complete.
    """
    count = 0
    with tarfile.open(fileobj=told) as source, tarfile.open(fileobj=archive, mode="w") as target:
        for path in ("files", f"files/{folder}"):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            target.addfile(entry)
        for member in source:
            name = member.name.rpartition("/")[2]
            content = source.extractfile(member) if member.isreg() and _NAME.fullmatch(name) else None
            if content is None:
                continue
            entry = tarfile.TarInfo(f"files/{folder}/{name}")
            entry.size = member.size
            target.addfile(entry, content)
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"{_STORE}/files/{folder}/{name}"
            target.addfile(entry)
            count += 1
    return count


def _put(client: Any, store: str, image: str, archive: IO[bytes], build_id: str) -> None:
    """Put files into a volume, by way of a container that is never started."""
    labels = {LABEL_BUILD: build_id, LABEL_ROLE: "temporary", LABEL_EXPIRES: stamp(datetime.now(UTC) + _LIFETIME)}
    helper = client.containers.create(
        image, ["-"], entrypoint=[], labels=labels, mounts=[_mount(_STORE, store)], network_mode="none"
    )
    try:
        client.api.put_archive(helper.id, _STORE, archive)
    finally:
        with suppress(DockerException, RequestException):
            helper.remove(force=True)
