from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from goldsmith.errors import EnvironmentFault
from goldsmith.targets.disk import DiskOptions, DiskSource, target

IMAGE = b"the image"


def there(path: Path, content: bytes = IMAGE) -> bool:
    assert target.there
    return target.there(f"sha256:{hashlib.sha256(content).hexdigest()}", [str(path)], None)


def test_an_image_is_there_when_its_file_has_the_digest_that_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "web.raw"
    assert not there(path)
    path.write_bytes(IMAGE)
    assert there(path) and not there(path, b"another")
    with pytest.raises(EnvironmentFault, match="cannot be found out: Is a directory"):
        there(tmp_path)


@pytest.mark.parametrize(
    ("text", "size"), [("4GiB", 4 << 30), ("1.5GiB", 3 << 29), ("600 MiB", 600 << 20), (1 << 30, 1 << 30)]
)
def test_a_size_has_a_unit_or_is_in_bytes(text: Any, size: int) -> None:
    assert DiskOptions(size=text).size == size


@pytest.mark.parametrize(
    "options",
    [
        {"size": "4GB"},
        {"size": "1MiB"},
        {"size": True, "format": "raw"},
        {"format": "vdi"},
        {"firmware": []},
        {"firmware": ["coreboot"]},
        {"partitions": [{"mount": "var", "size": "1GiB"}]},
        {"partitions": [{"mount": "/var", "size": "1GiB"}, {"mount": "/var/", "size": "2GiB"}]},
        {"hostname": "no_such.name"},
        {"directory": "relative"},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiskOptions(**options)


def test_it_starts_from_docker_images_of_other_specs() -> None:
    assert target.parent_target == "docker"
    assert dict(target.from_artifact("sha256:1")) == {"image": "sha256:1", "pull": "never"}
    assert DiskSource(**{"from": "base"}).kernel == "linux-image-amd64"


def test_who_is_not_root_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match=r"only root can write; this is the user 1000\. Run the build as root"):
        target.require()
