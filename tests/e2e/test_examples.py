"""The examples build as they stand, and are what they say."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import clear

from ..conftest import APT, run_image
from .conftest import Cli

pytestmark = [pytest.mark.docker, pytest.mark.network]

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory, docker_client: docker.DockerClient
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Builds the examples for a platform, in one command and once, and returns the builds by label.

    They get tags of their own: those that the machine's owner has are not to move.
    """
    folder = tmp_path_factory.mktemp("examples")
    specs = []
    for name in ("web", "base"):
        options = {"docker": {"repository": f"goldsmith-test/{name}-{uuid.uuid4().hex[:8]}"}}
        specs.append(folder / f"{name}.yml")
        specs[-1].write_text(json.dumps({"extends": str(EXAMPLES / f"{name}.yml"), "targets": options}))
    cli = Cli(folder / "home", "examples")
    made: list[str] = []

    @cache
    def build(platform: str) -> dict[str, Any]:
        results = cli.builds(*specs, "--only", f"*/{platform}/docker", "--jobs", 2)
        made.extend(result["artifact"]["id"] for result in results)
        return {result["label"]: result | {"manifest": cli.record(result["build"])} for result in results}

    yield build
    for image in reversed(made):
        clear(docker_client.api, image)
        docker_client.images.remove(image, force=True)


@pytest.fixture(params=["debian-12", pytest.param("debian-13", marks=pytest.mark.exhaustive)])
def base(request: pytest.FixtureRequest, examples: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return examples(request.param)[f"base/{request.param}/docker"]


@pytest.fixture
def web(examples: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return examples("debian-12")["web/debian-12/docker"]


def inside(result: dict[str, Any], *command: str) -> str:
    return run_image(result["artifact"]["id"], *command, options=["--user=root"])


def test_the_base_holds_no_python_no_package_lists_and_an_empty_machine_id(base: dict[str, Any]) -> None:
    assert inside(base, "sh", "-c", "find / -xdev -name '*python*' -not -path '/usr/share/*'") == ""
    assert inside(base, "sh", "-c", "ls -A /var/lib/apt/lists") == ""
    assert inside(base, "stat", "-c", "%s %U:%G", "/etc/machine-id") == "0 root:root\n"
    assert not [package["name"] for package in base["manifest"]["packages"] if "python" in package["name"]]


def test_the_base_runs_and_says_what_it_is(base: dict[str, Any]) -> None:
    stamp = dict(line.split("=", 1) for line in inside(base, "cat", "/etc/goldsmith-release").splitlines())
    assert stamp["IMAGE_ID"] == '"base"' and stamp["GOLDSMITH_PLATFORM"] == f'"{base["platform"]}"'


def test_the_base_is_up_to_date_with_its_archive(base: dict[str, Any]) -> None:
    upgrade = f"{APT} -qq update && apt-get -qq --simulate dist-upgrade"
    assert "Inst " not in inside(base, "sh", "-c", upgrade)


def test_the_base_is_one_layer_above_the_distributions(base: dict[str, Any]) -> None:
    assert len(base["artifact"]["layers"]) == len(base["source"]["layers"]) + 1


def test_goss_tests_are_recorded(base: dict[str, Any]) -> None:
    assert base["manifest"]["tests"]["total"] > 10 and base["manifest"]["tests"]["failed"] == 0


def test_the_web_image_stands_on_the_base_built_with_it(
    examples: Callable[[str], dict[str, Any]], web: dict[str, Any]
) -> None:
    base = examples("debian-12")["base/debian-12/docker"]
    assert (base["status"], web["status"]) == ("built", "built")
    assert web["source"]["id"] == base["artifact"]["id"]


def test_the_web_image_serves_without_root_and_without_a_writable_root(
    web: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    container = docker_client.containers.run(
        web["artifact"]["id"],
        detach=True,
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        deadline = time.monotonic() + 60
        while container.attrs["State"].get("Health", {}).get("Status") != "healthy":
            assert time.monotonic() < deadline and container.status != "exited", container.logs().decode()
            time.sleep(0.2)
            container.reload()
        assert container.exec_run(["id", "-u"]).output == b"33\n"
    finally:
        container.remove(force=True, v=True)
