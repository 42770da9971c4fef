"""An image goes out of date, is told of, is built anew, and is fresh."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import run_image
from tests.roles.archive import Deb, Key, Server, publish, serve

from .conftest import Cli

pytestmark = pytest.mark.docker

# debsecan's format: urgency high, fixed in the release.
CVES = """VERSION 1
CVE-2026-0001,,A flaw

goldcoin,0,SH F,1.1,

"""
INSTALL = """\
- ansible.builtin.get_url: {url: "URL/gold.gpg", dest: /etc/apt/trusted.gpg.d/gold.gpg, mode: "0644"}
- ansible.builtin.shell: rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*
- ansible.builtin.copy: {content: "SOURCES", dest: /etc/apt/sources.list, mode: "0644"}
- ansible.builtin.apt: {update_cache: true, name: [goldbar, goldcoin], state: latest}
"""


@dataclass
class Mint:
    """An archive that a test publishes in, and the specs of two images that fetch from it.

    Attributes:
        www: What is served.
        server: Serves it.
        debs: Packages by name and version.
        key: Signs the archive.
        specs: Folder of the specs.
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
    www.mkdir()
    shutil.copy(key.public, www / "gold.gpg")
    (tmp_path / "cves").write_text(CVES)
    goldsmith.environ["GOLDSMITH_CVE_DATA"] = str(tmp_path / "cves")
    with serve(bridge, www) as server:
        lines = [f"deb {server.url}/debian bookworm main", f"deb {server.url}/debian-security bookworm-security main"]
        name = goldsmith.name
        files = {
            "install.yml": INSTALL.replace("SOURCES", "\\n".join([*lines, ""])).replace("URL", server.url).encode(),
            "base.yml": json.dumps(
                {
                    "name": name,
                    "platforms": {"debian-12": {"docker": {"image": python_image, "pull": "never"}}},
                    "layers": [{"tasks": "install.yml"}],
                    "targets": {"docker": {"tags": ["{{ version }}"]}},
                }
            ).encode(),
            "child.yml": json.dumps(
                {
                    "name": f"{name}-child",
                    "platforms": {"debian-12": {"docker": {"from": name}}},
                    "targets": {"docker": {"tags": ["{{ version }}"]}},
                }
            ).encode(),
        }
        for path, content in files.items():
            (specs / path).parent.mkdir(parents=True, exist_ok=True)
            (specs / path).write_bytes(content)
        yield Mint(www, server, debs, key, specs)
    for image in docker_client.images.list(filters={"label": f"io.goldsmith.name={name}-child"}):
        docker_client.images.remove(image.id, force=True)


def states(goldsmith: Cli, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Return what `plan` says of the images: by the last part of their names, ``base`` or ``child``."""
    said = json.loads(goldsmith("plan", *arguments, "--json", "--exit-code", code=code).stdout)
    return {"child" if "-child/" in one["build"] else "base": one for one in said}


def test_an_image_that_went_out_of_date_is_told_of_built_anew_and_fresh(
    goldsmith: Cli, mint: Mint, docker_client: docker.DockerClient
) -> None:
    mint.publish("goldbar-1.0 goldcoin-1.0")
    assert {one["state"] for one in states(goldsmith, mint.specs, code=4).values()} == {"build"}
    results = goldsmith.builds("--outdated", mint.specs, "--jobs", "2")
    assert [result["status"] for result in results] == ["built", "built"]
    assert {one["state"] for one in states(goldsmith, mint.specs).values()} == {"fresh"}

    mint.publish("goldbar-2.0 goldcoin-1.0", "goldcoin-1.1")
    told = states(goldsmith, code=4)
    packages = told["base"]["packages"]
    assert (packages["outdated"], packages["security"], packages["cves"]) == (2, 1, {"CVE-2026-0001": "high"})
    assert [(one["package"], one["candidate"], one["security"]) for one in packages["updates"]] == [
        ("goldbar", "2.0", False),
        ("goldcoin", "1.1", True),
    ]
    assert [reason["kind"] for reason in told["child"]["reasons"]] == ["packages", "parent"]
    shown = goldsmith("plan").stdout
    assert "2 packages out of date, 1 of them by security updates: CVE-2026-0001 (high)" in shown
    assert "2 rebuild" in shown

    built = goldsmith("build", "--outdated", "--jobs", "2")
    assert f"{goldsmith.name}/debian-12/docker: 2 packages out of date" in built.stderr
    assert run_image(f"{goldsmith.name}-child:2", "dpkg-query", "-Wf", "${Version}", "goldcoin") == "1.1"
    assert {one["state"] for one in states(goldsmith).values()} == {"fresh"}
    assert "Nothing is out of date." in goldsmith("build", "--outdated").stderr

    path = mint.specs / "install.yml"
    path.write_text(path.read_text() + "- ansible.builtin.command: 'true'\n")
    told = states(goldsmith, mint.specs, code=4)
    (reason,) = told["base"]["reasons"]
    assert (reason["kind"], reason["text"]) == ("tasks", "layer install: tasks/install.yml changed")
    assert [reason["kind"] for reason in told["child"]["reasons"]] == ["parent"]
