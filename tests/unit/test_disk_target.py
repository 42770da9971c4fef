from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from goldsmith.errors import EnvironmentFault, InputError
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
        {"partitions": [{"mount": "/var", "size": "1GiB", "filesystem": "btrfs"}]},
        {"hostname": "no_such.name"},
        {"directory": "relative"},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiskOptions(**options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"partitions": [{"mount": "/var", "size": "299MiB", "filesystem": "xfs"}]}, "an xfs takes 300MiB at least"),
        ({"filesystem": "xfs"}, "cannot write capabilities and hard links, .* Give xfs to one of the partitions"),
    ],
)
def test_where_no_xfs_can_be_the_reason_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DiskOptions(**options)
    assert DiskOptions(partitions=[{"mount": "/var", "size": "300MiB", "filesystem": "xfs"}]).filesystem == "ext4"


def test_it_starts_from_docker_images_of_other_specs() -> None:
    assert target.parent_target == "docker"
    assert dict(target.from_artifact("sha256:1")) == {"image": "sha256:1", "pull": "never"}
    assert DiskSource(**{"from": "base"}).kernel == "linux-image-amd64"


OF_PACKAGES = {"kernel": "linux-image-amd64", "debootstrap": {"suite": "bookworm", "include": ["python3"]}}
OF_AN_IMAGE = {"kernel": "linux-image-amd64", "image": "debian:12"}


def test_a_base_of_packages_holds_what_makes_a_machine_of_it_and_into_an_image_it_is_installed() -> None:
    made = target.ground(OF_PACKAGES, {}, "web/debian-12")
    include = made.source["debootstrap"]["include"]
    assert include == ["python3", *made.ingredients["packages"]]
    assert {"linux-image-amd64", "systemd-sysv", "cloud-init", "grub-pc-bin", "grub-efi-amd64-bin"} <= set(include)
    # What is installed into it is of its archives as they are then, whatever the layers do.
    assert not made.installs and target.ground(OF_AN_IMAGE, {}, "web/debian-12").installs


@pytest.mark.parametrize(
    ("source", "options", "changed"),
    [
        ({}, {"size": 4 << 30}, set()),
        ({}, {"format": "qcow2", "hostname": "db", "verify": False, "compress": True}, set()),
        ({}, {"partitions": [{"mount": "/var", "size": 1 << 30}]}, {"fstab"}),
        ({}, {"partitions": [{"mount": "/var", "size": 1 << 30, "filesystem": "xfs"}]}, {"fstab", "packages"}),
        ({}, {"kernel_arguments": ["quiet"]}, {"kernel_arguments"}),
        ({}, {"firmware": ["bios"]}, {"fstab", "packages"}),
        ({}, {"cloud_init": False}, {"cloud_init", "packages"}),
        ({"kernel": "linux-image-cloud-amd64"}, {}, {"packages"}),
    ],
)
def test_what_is_written_before_the_first_layer_decides_what_the_layers_stand_on(
    source: dict[str, Any], options: dict[str, Any], changed: set[str]
) -> None:
    before = target.ground(OF_AN_IMAGE, {}, "web/debian-12").ingredients
    after = target.ground(OF_AN_IMAGE | source, options, "web/debian-12").ingredients
    assert {name for name in before if before[name] != after[name]} == changed


def test_the_identities_of_another_specs_disk_are_others() -> None:
    first, other = (target.ground(OF_AN_IMAGE, {}, seed).ingredients["fstab"] for seed in ("web/x", "db/x"))
    assert first != other


def test_a_disk_that_is_too_small_for_its_partitions_is_told_by_the_plan() -> None:
    with pytest.raises(InputError, match="a disk of 1024 MiB is too small"):
        target.ground(OF_AN_IMAGE, {"size": 1 << 30, "partitions": [{"mount": "/var", "size": 1 << 30}]}, "web/x")


def test_who_is_not_root_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match=r"only root can write; this is the user 1000\. Run the build as root"):
        target.require()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "exactly one of: image, debootstrap, from, file"),
        ({"file": "a.qcow2", "image": "debian:12"}, "exactly one of"),
        ({"image": "debian:12", "sha256": "0" * 64}, "sha256 is that of a file"),
        ({"file": "a.qcow2", "sha256": "123"}, "String should match"),
        ({"file": "a.qcow2", "kernel": "linux-image-amd64"}, "kernel cannot be given with file"),
        ({"file": "a.qcow2", "pull": "never"}, "pull cannot be given with file"),
    ],
)
def test_a_source_is_one_thing_and_says_nothing_that_an_image_file_decides(source: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DiskSource(**source)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"partitions": [{"mount": "/var", "size": "1GiB"}]},
            "targets.disk.partitions does not go .* stay as they are",
        ),
        ({"firmware": ["bios"]}, "targets.disk.firmware"),
        ({"kernel_arguments": ["quiet"]}, "targets.disk.kernel_arguments"),
        ({"cloud_init": False}, "targets.disk.cloud_init"),
    ],
)
def test_what_an_image_file_decides_is_no_option_beside_it(options: dict[str, Any], said: str) -> None:
    assert target.variant
    with pytest.raises(ValueError, match=said):
        target.variant(DiskSource(file="/a.qcow2"), DiskOptions(**options))
    assert target.variant(DiskSource(image="debian:12"), DiskOptions(**options)) is target
    assert target.variant(DiskSource(file="/a.qcow2"), DiskOptions(size="4GiB", format="qcow2")) is target
