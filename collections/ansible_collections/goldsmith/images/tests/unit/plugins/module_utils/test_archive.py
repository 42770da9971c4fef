# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image archives are written and read as streams."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._archive import (
    image_archive,
    read_document,
    read_layers,
    whole,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def tar(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as opened:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return target.getvalue()


def chunks(data: bytes, size: int = 700) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_an_archive_names_the_layers_that_it_leaves_out() -> None:
    document = b'{"rootfs": {}}'
    data = b"".join(image_archive(document, [None, io.BytesIO(b"x" * 1000)]))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        [manifest] = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type] # it is a file
        assert archive.getnames() == [manifest["Config"], manifest["Layers"][1], "manifest.json"]
        assert len(manifest["Layers"]) == 2
        assert archive.extractfile(manifest["Config"]).read() == document  # type: ignore[union-attr] # it is a file
        assert archive.getmember(manifest["Layers"][1]).size == 1000
    assert list(whole([data])) == [data]


def test_layers_are_found_by_their_content_compressed_or_not() -> None:
    plain, packed, other = tar(("a", b"1")), tar(("b", b"2" * 5000)), tar(("c", b"3"))
    archive = tar(("x/layer.tar", plain), ("blobs/y", gzip.compress(packed)), ("z/layer.tar", other))
    with read_layers(chunks(archive), [sha256(plain), sha256(packed)]) as found:
        assert set(found) == {sha256(plain), sha256(packed)}
        found[sha256(packed)].seek(0)
        assert found[sha256(packed)].read() == packed


def test_a_layer_that_the_archive_lacks_is_named() -> None:
    with pytest.raises(Fault, match="lacks the layers sha256:abc"):
        read_layers(chunks(tar(("a", b"1"))), ["sha256:abc"]).__enter__()


def test_the_document_is_read_no_further_than_to_where_it_stands() -> None:
    document = b'{"rootfs": {}, "history": [1]}'

    def stream() -> object:
        yield tar(("blobs/whatever", document), ("layer", b"x" * 3_000_000))[:2_000_000]
        raise AssertionError("read too far")

    assert read_document(stream(), sha256(document))["history"] == [1]  # type: ignore[arg-type] # an iterator


def test_the_document_of_an_image_named_by_its_manifest_is_found_by_the_archives_manifest() -> None:
    document = b'{"rootfs": {}, "history": [1]}'
    archive = tar(("blobs/c", document), ("manifest.json", json.dumps([{"Config": "blobs/c"}]).encode()))
    assert read_document([archive], "sha256:manifest")["history"] == [1]


@pytest.mark.parametrize("members", [[], [("manifest.json", b"[]")], [("manifest.json", b'[{"Config": "gone"}]')]])
def test_an_archive_without_a_document_is_an_error(members: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Fault, match="has no image document"):
        read_document([tar(*members)], "sha256:abc")


def test_an_archive_that_breaks_off_between_two_files_is_an_error() -> None:
    broken = tar(("a", b"x" * 512), ("b", b"y" * 512))[:1024]
    with pytest.raises(Fault, match="broke its archive off"):
        read_layers([broken], []).__enter__()


def test_an_archive_that_breaks_off_within_a_file_is_an_error() -> None:
    with pytest.raises(Fault, match="broke"):
        read_layers([tar(("a", b"x" * 5120))[:1024]], []).__enter__()


def test_the_error_that_an_engine_puts_at_an_archives_end_is_shown() -> None:
    broken = tar(("a", b"x" * 512))[:1024] + b'{"error":"no space left on device"}'
    with pytest.raises(Fault, match="no space left on device"):
        list(whole(chunks(broken)))


@pytest.mark.parametrize("size", [1, 100, 1024, 5000])
def test_the_end_of_an_archive_is_seen_whatever_the_size_of_chunks(size: int) -> None:
    data = tar(("a", b"x" * 3000))
    assert b"".join(whole(chunks(data, size))) == data


def test_what_is_no_archive_is_an_error() -> None:
    with pytest.raises(Fault, match="broke"):
        read_layers([b"no archive at all" * 100], []).__enter__()
