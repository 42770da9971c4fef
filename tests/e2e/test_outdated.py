"""An image goes out of date, is told of, is built anew, and is fresh."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import Registry, run_image
from tests.roles.archive import Deb, Key, Server, publish, serve

from goldsmith.errors import EnvironmentFault
from goldsmith.lab import Lab
from goldsmith.targets import Base
from goldsmith.targets import docker as docker_target
from goldsmith.targets.ec2 import target
from goldsmith.targets.ec2_options import Ami, Ec2Options, Ec2Source

from .conftest import Cli

pytestmark = pytest.mark.docker

# debsecan's format: urgency high, fixed in the release.
CVES = """VERSION 1
CVE-2026-0001,,A flaw

goldcoin,0,SH F,1.1,

"""
INSTALL = """\
- ansible.builtin.copy: {src: gold.gpg, dest: /etc/apt/trusted.gpg.d/gold.gpg, mode: "0644"}
- ansible.builtin.shell: rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*
- ansible.builtin.copy: {content: "SOURCES", dest: /etc/apt/sources.list, mode: "0644"}
- ansible.builtin.apt: {update_cache: true, name: [goldbar, goldcoin], state: latest}
"""


@dataclass
class Mint:
    """An archive that a test publishes in, and the spec of an image that fetches from it.

    Attributes:
        www: What is served.
        server: Serves it.
        debs: Packages by name and version.
        key: Signs the archive.
        specs: Folder of the spec.
    """

    www: Path
    server: Server
    debs: dict[str, Path]
    key: Key
    specs: Path

    def publish(self, main: str, security: str = "") -> None:
        """Replace what the archive has."""
        for archive, suite, names, label in (
            ("debian", "bookworm", main, "Debian"),
            ("debian-security", "bookworm-security", security, "Debian-Security"),
        ):
            shutil.rmtree(self.www / archive, ignore_errors=True)
            debs = [self.debs[name] for name in names.split()]
            publish(self.www / archive, suite, debs, self.key, label=label)


@pytest.fixture
def mint(goldsmith: Cli, docker_client: docker.DockerClient, tmp_path: Path, python_image: str) -> Iterator[Mint]:
    built = tmp_path / "debs"
    built.mkdir()
    packages = (Deb("goldbar", "1.0"), Deb("goldbar", "2.0"), Deb("goldcoin", "1.0"), Deb("goldcoin", "1.1"))
    debs = {f"{deb.name}-{deb.version}": deb.build(built) for deb in packages}
    key, www, specs = Key(tmp_path / "key"), tmp_path / "www", tmp_path / "specs"
    bridge = docker_client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    (goldsmith.home / "keyrings").mkdir(parents=True)
    shutil.copy(key.public, goldsmith.home / "keyrings/gold.gpg")
    (tmp_path / "cves").write_text(CVES)
    goldsmith.environ["GOLDSMITH_CVE_DATA"] = str(tmp_path / "cves")
    with serve(bridge, www) as server:
        lines = [f"deb {server.url}/debian bookworm main", f"deb {server.url}/debian-security bookworm-security main"]
        name = goldsmith.name
        files = {
            "files/gold.gpg": key.public.read_bytes(),
            "install.yml": INSTALL.replace("SOURCES", "\\n".join([*lines, ""])).encode(),
            "base.yml": json.dumps(
                {
                    "name": name,
                    "platforms": {"debian-12": {"docker": {"image": python_image, "pull": "never"}}},
                    "layers": [{"tasks": "install.yml"}],
                    "targets": {"docker": {"tags": ["{{ version }}"]}},
                }
            ).encode(),
        }
        for path, content in files.items():
            (specs / path).parent.mkdir(parents=True, exist_ok=True)
            (specs / path).write_bytes(content)
        yield Mint(www, server, debs, key, specs)


def verdict(goldsmith: Cli, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Return what `plan` says of the only image."""
    (said,) = json.loads(goldsmith.ask("plan", *arguments, "--json", "--exit-code", code=code).stdout)
    return said


def test_an_image_that_went_out_of_date_is_told_of_built_anew_and_fresh(goldsmith: Cli, mint: Mint) -> None:
    mint.publish("goldbar-1.0 goldcoin-1.0")
    goldsmith.build(mint.specs / "base.yml")
    assert verdict(goldsmith, mint.specs)["state"] == "fresh"

    mint.publish("goldbar-2.0 goldcoin-1.0", "goldcoin-1.1")
    packages = verdict(goldsmith, code=4)["packages"]
    assert (packages["outdated"], packages["security"], packages["cves"]) == (2, 1, {"CVE-2026-0001": "high"})
    assert [(one["package"], one["candidate"], one["security"]) for one in packages["updates"]] == [
        ("goldbar", "2.0", False),
        ("goldcoin", "1.1", True),
    ]

    built = goldsmith("build", "--outdated", mint.specs)
    why = "2 packages out of date, 1 of them by security updates: CVE-2026-0001 (high)"
    assert f"{goldsmith.name}/debian-12/docker: {why}" in built.stderr
    assert run_image(f"{goldsmith.name}:2", "dpkg-query", "-Wf", "${Version}", "goldcoin") == "1.1"

    assert verdict(goldsmith)["state"] == "fresh"
    path = mint.specs / "install.yml"
    path.write_text(path.read_text() + "- ansible.builtin.command: 'true'\n")
    (reason,) = verdict(goldsmith, mint.specs, code=4)["reasons"]
    assert (reason["kind"], reason["text"]) == ("tasks", "layer install: tasks/install.yml changed")


@pytest.fixture
def tiny_images(docker_client: docker.DockerClient) -> Iterator[list[str]]:
    """Ids of two images of one file each; nothing in them can run."""
    made = []
    for _ in range(2):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(uuid.uuid4().hex))
        answer = docker_client.api.import_image_from_data(content.getvalue())
        made.append(str(json.loads(answer.splitlines()[-1])["status"]))
    yield made
    for image in made:
        with suppress(docker.errors.ImageNotFound):  # it goes with its last name
            docker_client.images.remove(image, force=True)


def test_the_image_that_a_name_stands_for_is_looked_up_where_a_build_would_look(
    docker_client: docker.DockerClient, tiny_images: list[str], registry: Registry
) -> None:
    name = f"{registry.address}/gold"
    asked = docker_target.DockerSource(image=f"{name}:1")
    newest = docker_target.target.newest
    with pytest.raises(EnvironmentFault, match="gold:1 is now cannot be found out"):
        newest(asked, None)
    try:
        for image in tiny_images:
            docker_client.images.get(image).tag(name, "1")
            assert newest(asked, None) == Base(image)
        docker_client.images.push(name, "1")
        digest = docker_client.images.get(f"{name}:1").attrs["RepoDigests"][0].partition("@")[2]
        docker_client.images.get(tiny_images[0]).tag(name, "1")
        assert newest(asked.model_copy(update={"pull": "always"}), None) == Base(None, digest)
    finally:
        docker_client.images.remove(f"{name}:1")
    assert newest(asked.model_copy(update={"pull": "never"}), None) is None
    assert newest(asked, None) == Base(None, digest), "a build would pull it"
    assert newest(docker_target.DockerSource(from_="base"), None) is None


def test_the_ami_that_a_name_stands_for_is_looked_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in lab.environment.items():
        monkeypatch.setenv(key, value)
    newest, options = target.newest, Ec2Options(region="eu-west-1")
    asked = Ec2Source(ami=Ami(owner="136693071363", name="debian-12-amd64-*"))
    found = newest(asked, options)
    assert found and found.id and found.id.startswith("ami-")
    assert newest(Ec2Source(id=found.id), options) == found
    assert newest(Ec2Source(from_="base"), options) is None
    missing = Ec2Source(ami=Ami(owner="136693071363", name="no-such-*"))
    with pytest.raises(EnvironmentFault, match="no-such-"):
        newest(missing, options)
