"""`docker_image_verify` on a real engine and a real registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import docker
import pytest

from ..conftest import Registry

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
NONE = "sha256:" + "0" * 64


def test_what_the_engine_and_the_registry_have_is_told_apart(
    run_module: RunModule, docker_client: docker.DockerClient, base_image: str, registry: Registry, unique: str
) -> None:
    reference = f"{registry.address}/{unique}:1"
    image = docker_client.images.get(base_image)
    image.tag(reference)
    try:
        pushed = [line for line in docker_client.images.push(reference, stream=True, decode=True) if "aux" in line]
        digest = pushed[-1]["aux"]["Digest"]
    finally:
        docker_client.images.remove(reference)
    nowhere = "127.0.0.1:1/web:1"
    result = run_module(
        "docker_image_verify",
        images=[
            {"id": base_image, "digests": {reference: digest}},
            {"id": NONE},
            {"id": base_image, "digests": {reference: NONE, nowhere: digest}},
        ],
    )
    assert not result["changed"]
    there, none, lost = result["images"]
    assert there == {"id": base_image, "engine": True, "missing": [], "unknown": {}}
    assert none == {"id": NONE, "engine": False, "missing": [], "unknown": {}}
    assert lost["missing"] == [reference]
    assert list(lost["unknown"]) == [nowhere]
