# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image archives, the engine's ``save`` and ``load`` format, written and read as streams.

The format: https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Collection, Iterable, Iterator, Mapping, Optional, Sequence, cast

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

CHUNK = 1 << 20
_IN_MEMORY = 32 << 20
_DOCUMENT_LIMIT = 8 << 20
_END = 2 * tarfile.BLOCKSIZE


def _spool_folder() -> str:
    """Return ``TMPDIR`` or ``/var/tmp``: ``/tmp`` is often memory, and a layer may be larger."""
    return os.environ.get("TMPDIR") or "/var/tmp"  # noqa: S108 the files in it have no name to foresee


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """Give a temporary file without a name: in memory while it is small, then on the disk."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=_spool_folder())  # noqa: SIM115 closed below
    try:
        yield cast("IO[bytes]", file)
    finally:
        with suppress(OSError):  # what a full disk did not take is tried once more here
            file.close()


@contextmanager
def spooling() -> Iterator[None]:
    """Tell of a disk that is full while something is written to a spool.

    Raises:
        Fault: It is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EACCES):
            raise
        raise Fault(
            f"{_spool_folder()} cannot hold the image's layers: {error.strerror}. Make room there, or name another "
            f"directory by TMPDIR."
        ) from error


class Reader(io.RawIOBase):
    """A file made of chunks of bytes, such as a response's body."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next; 0 means the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class Writer:
    """A file that counts and digests what passes to the file behind it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write the data."""
        self._sha256.update(data)
        self.size += len(data)
        return self._target.write(data)

    @property
    def digest(self) -> str:
        """``sha256:…`` of all that was written."""
        return "sha256:" + self._sha256.hexdigest()


def whole(archive: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a tar's chunks and check that it has its end.

    An engine that fails when the archive has begun ends it as if all were well, with its error as the last bytes.

    Args:
        archive: What ``save`` or ``export`` gives.

    Raises:
        Fault: The end is missing.
    """
    tail = b""
    for chunk in archive:
        tail = (tail + chunk)[-_END:] if len(chunk) < _END else chunk[-_END:]
        yield chunk
    if tail != bytes(_END):
        said = tail.rpartition(b"\0")[2].decode(errors="replace").strip()
        raise Fault(f"the engine broke its archive off: {said or 'without a reason'}. See the engine's log.")


@contextmanager
def _opened(archive: Iterable[bytes], to_the_end: bool = True) -> Iterator[tarfile.TarFile]:
    source = io.BufferedReader(Reader(whole(archive)), CHUNK)
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            yield tar
    except (tarfile.TarError, zlib.error) as error:
        raise Fault(f"what the engine sent broke off or is no archive ({error}); see the engine's log.") from error
    while to_the_end and source.read(CHUNK):
        pass  # tarfile takes a broken header for the end; the end itself has to be seen


def image_archive(document: bytes, layers: Sequence[Optional[IO[bytes]]]) -> Iterator[bytes]:
    """Yield an archive that ``load`` takes.

    Args:
        document: The image document.
        layers: For each of its diff_ids the layer's tar, seekable, or None for a layer that the engine has. Engines
            with graph drivers look a layer up by its chain id before they read its file (moby,
            image/tarexport/load.go), so the file need not be there.
    """
    config = hashlib.sha256(document).hexdigest() + ".json"
    names = [f"{number}/layer.tar" for number, _layer in enumerate(layers)]
    manifest = json.dumps([{"Config": config, "RepoTags": None, "Layers": names}]).encode()
    yield from _member(config, len(document), io.BytesIO(document))
    for name, layer in zip(names, layers):
        if layer is not None:
            layer.seek(0, os.SEEK_END)
            size = layer.tell()
            layer.seek(0)
            yield from _member(name, size, layer)
    yield from _member("manifest.json", len(manifest), io.BytesIO(manifest))
    yield bytes(_END)


def _member(name: str, size: int, content: IO[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.PAX_FORMAT)
    yield from iter(lambda: content.read(CHUNK), b"")
    yield bytes(-size % tarfile.BLOCKSIZE)


@contextmanager
def read_layers(archive: Iterable[bytes], wanted: Collection[str]) -> Iterator[dict[str, IO[bytes]]]:
    """Give the uncompressed tars of layers from a saved image, by diff_id, as long as the context lasts.

    Layers are known by their content's digest, as engines name the archive's files each in their own way.

    Args:
        archive: What ``save`` gives.
        wanted: diff_ids.

    Raises:
        Fault: The archive lacks one of them.
    """
    with ExitStack() as files:
        found = _found_layers(archive, wanted, files)
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise Fault(f"the engine's archive of the image lacks the layers {', '.join(missing)}. Is the image whole?")
        yield found


def _found_layers(archive: Iterable[bytes], wanted: Collection[str], files: ExitStack) -> dict[str, IO[bytes]]:
    found: dict[str, IO[bytes]] = {}
    with _opened(archive) as tar:
        for info in tar:
            content = tar.extractfile(info) if info.isreg() and info.size else None
            if content is None:
                continue
            layer = files.enter_context(spool())
            writer = Writer(layer)
            for chunk in _uncompressed(content):
                with spooling():
                    writer.write(chunk)
            if writer.digest in wanted:
                found[writer.digest] = layer
            else:
                layer.close()
    return found


def _uncompressed(content: IO[bytes]) -> Iterator[bytes]:
    first = content.read(CHUNK)
    if first[:2] != b"\x1f\x8b":
        while first:
            yield first
            first = content.read(CHUNK)
        return
    unpacker = zlib.decompressobj(wbits=31)
    while first:
        yield unpacker.decompress(first)
        first = content.read(CHUNK)
    yield unpacker.flush()


def read_document(archive: Iterable[bytes], image_id: str) -> Mapping[str, Any]:
    """Return the image document from a saved image, reading no further than to it.

    Args:
        archive: What ``save`` gives.
        image_id: The image's id: the document's digest, except in engines that name an image by its manifest.

    Raises:
        Fault: There is none in the archive.
    """
    documents: dict[str, bytes] = {}
    with _opened(archive, to_the_end=False) as tar:
        for info in tar:
            content = tar.extractfile(info) if info.isreg() and info.size < _DOCUMENT_LIMIT else None
            data = content.read() if content else b""
            if "sha256:" + hashlib.sha256(data).hexdigest() == image_id and b'"rootfs"' in data:
                return _parsed(data)
            if data[:1] in (b"{", b"["):
                documents[info.name] = data
    try:
        return _parsed(documents[json.loads(documents["manifest.json"])[0]["Config"]])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Fault(f"the engine's archive of {image_id} has no image document; is the image whole?") from error


def _parsed(data: bytes) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", json.loads(data))


def portable(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member's header to be written again: no field stands both in it and, out of date, in its pax records."""
    info.pax_headers = {
        key: value
        for key, value in info.pax_headers.items()
        if key not in ("path", "linkpath", "size", "hdrcharset") and not key.startswith("GNU.sparse.")
    }
    if info.issparse():
        info.sparse = None
        info.type = tarfile.REGTYPE
    return info
