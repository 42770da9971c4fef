# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's disk, read from outside."""

from __future__ import annotations

import io
import shlex
import tarfile
from typing import Any, Iterable, Iterator, Tuple

from ansible_collections.goldsmith.images.plugins.module_utils._archive import CHUNK, Reader
from ansible_collections.goldsmith.images.plugins.module_utils._container import execute, output, read_files
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._software import Findings
from ansible_collections.goldsmith.images.plugins.module_utils._software_search import (
    GO_MAGIC,
    LARGEST,
    is_elsewhere,
    is_metadata,
    search,
)

# Where they are not GNU's, grep looks into text alone and tar may take no list; such an image is small, and read whole.
_SCRIPT = f"""\
grep --version 2>/dev/null | grep -q GNU && tar --version 2>/dev/null | grep -q GNU || exit 127
{shlex.join(search(one_file_system=True, filters=True))} 2>/dev/null | tar -cf - -T - 2>/dev/null
"""
_LARGE = 1000 << 10


class ContainerDisk:
    """The disk of a container; what needs no running machine is read without its help."""

    def __init__(self, client: Any, container: str, running: bool) -> None:
        self._client = client
        self._container = container
        self._running = running

    def files(self, path: str) -> Iterator[Tuple[str, str]]:
        """Yield name and text of a file, or of each file in a directory; nothing if there is no such path."""
        return read_files(self._client, self._container, path)

    def rpm(self, query: str) -> str:
        """Return what rpm answers about all packages; nothing where it is not there.

        Raises:
            Fault: It cannot read its database.
        """
        outcome = execute(self._client, self._container, f"rpm -qa --qf '{query}'")
        if outcome.status not in (0, 127):
            raise Fault(f"rpm cannot list the packages in the container {self._container}: {outcome.tail()}")
        return outcome.stdout if outcome.status == 0 else ""

    def walk(self, findings: Findings) -> None:
        """Hand over the files worth reading: chosen by the container's own tools, else from the whole of its disk."""
        if not (self._running and _read(output(self._client, self._container, _SCRIPT), findings)):
            chunks, _stat = self._client.api.get_archive(self._container, "/", chunk_size=CHUNK)
            _read(chunks, findings)


def _read(archive: Iterable[bytes], findings: Findings) -> bool:
    """Hand over what an archive has; tell whether it is one: where tools are missing, it is none."""
    source = io.BufferedReader(Reader(archive), CHUNK)
    try:
        tar = tarfile.open(fileobj=source, mode="r|", errors="surrogateescape")  # noqa: SIM115 closed below
    except tarfile.ReadError:
        return False
    with tar:
        for member in tar:
            path = "/" + member.name.lstrip("./")
            if member.issym():
                findings.link(path, member.linkname)
            elif member.isfile() and member.size <= LARGEST and not is_elsewhere(path):
                content = _content(tar, member, path)
                if content is not None:
                    findings.read(path, content)
    while source.read(CHUNK):
        pass
    return True


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> bytes | None:
    """Return the content of a file that is worth reading."""
    large_program = bool(member.mode & 0o100) and member.size > _LARGE
    if not (is_metadata(path) or large_program):
        return None
    file = tar.extractfile(member)
    content = file.read() if file else b""
    return content if is_metadata(path) or GO_MAGIC in content else None
