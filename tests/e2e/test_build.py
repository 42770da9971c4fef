"""A spec becomes a recorded image."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from ..conftest import Registry, run_image
from .conftest import Cli, SpecWriter, leftovers

pytestmark = pytest.mark.docker

WRITE_MARKER = '- ansible.builtin.copy: {content: "{{ marker }}", dest: /etc/marker, mode: "0644"}\n'
FILES = {
    "roles/first/tasks/main.yml": "- ansible.builtin.command: {cmd: 'true'}\n  changed_when: true\n  notify: Mark\n",
    "roles/first/handlers/main.yml": "- name: Mark\n  ansible.builtin.copy: {content: x, dest: /etc/handled, mode: '0644'}\n",
    "second.yml": WRITE_MARKER + "- ansible.builtin.command: {cmd: cp /etc/handled /etc/second}\n",
    "web.goss.yaml": "file: {/etc/goldsmith-release: {exists: true}}\n",
    "test_web.py": "def test_release(host):\n    assert host.file('/etc/goldsmith-release').exists\n",
    "boot.goss.yaml": "process: {sleep: {running: true}}\n",
}
CONFIG = {"cmd": ["sleep", "60"], "env": {"A": "1"}, "user": 65534, "labels": {"team": "web"}}


@dataclass(frozen=True)
class Built:
    """A build of a spec that asks for everything.

    Attributes:
        repository: Where its image is pushed to.
        stdout: What the command said at its end.
        stderr: What it said meanwhile.
        result: What the build ended with.
        record: The manifest.
    """

    spec: Path
    repository: str
    stdout: str
    stderr: str
    result: dict[str, Any]
    record: dict[str, Any]

    def inside(self, *command: str) -> str:
        return run_image(self.result["artifact"]["id"], *command)


@pytest.fixture(scope="module")
def built(shared_goldsmith: Cli, write_shared_spec: SpecWriter, registry: Registry) -> Built:
    repository = f"{registry.address}/{shared_goldsmith.name}"
    options = {"tags": ["{{ version }}"], "config": CONFIG}
    spec = write_shared_spec(
        files=FILES,
        layers=[{"role": "./roles/first"}, {"tasks": "second.yml"}],
        parameters={"marker": "x"},
        tests=[{"goss": "web.goss.yaml"}, {"testinfra": "test_web.py"}, {"boot": {"goss": "boot.goss.yaml"}}],
        targets={"docker": options | {"repository": repository, "push": True, "save": "image.tar"}},
    )
    done = shared_goldsmith("build", os.path.relpath(spec), "--set", "marker=from the command line")
    (directory,) = (shared_goldsmith.home / "builds").iterdir()
    result = json.loads((directory / "result.json").read_text())
    return Built(spec, repository, done.stdout, done.stderr, result, shared_goldsmith.record(directory.name))


def test_a_plain_build_tells_phases_and_ends_with_the_images_facts(built: Built) -> None:
    for phase in ("acquire", "provision", "validate", "capture", "verify", "publish", "release"):
        assert f"docker: {phase}\n" in built.stderr
    for fact in ("image ", "digest ", "size ", "seconds ", "record "):
        assert fact in built.stdout


def test_the_image_is_tagged_labelled_stamped_and_nothing_else_is_left(
    shared_goldsmith: Cli, built: Built, docker_client: docker.DockerClient
) -> None:
    image = docker_client.images.get(f"{built.repository}:1")
    assert image.id == built.result["artifact"]["id"]
    assert image.labels["io.goldsmith.build"] == built.result["build"]
    assert image.labels["org.opencontainers.image.version"] == "1"
    assert image.labels["team"] == "web"
    assert "io.goldsmith.expires" not in image.labels
    assert image.attrs["Config"]["Cmd"] == CONFIG["cmd"]
    stamp = dict(line.split("=", 1) for line in built.inside("cat", "/etc/goldsmith-release").splitlines())
    assert stamp["IMAGE_ID"] == f'"{shared_goldsmith.name}"'
    assert stamp["BUILD_ID"] == f'"{built.result["build"]}"'
    assert built.inside("cat", "/etc/marker") == "from the command line"
    assert built.inside("sh", "-c", "id -u; echo $A") == "65534\n1\n"
    assert leftovers(docker_client, shared_goldsmith.name) == []


def test_handlers_run_at_the_end_of_their_layer(built: Built) -> None:
    assert built.inside("cat", "/etc/second") == "x"


def test_the_record_has_what_is_inside_and_how_long_it_took(built: Built) -> None:
    record = built.record
    assert record["status"] == "built"
    assert {"name": "dpkg", "type": "deb"}.items() <= next(p for p in record["packages"] if p["name"] == "dpkg").items()
    sources = record["artifact"]["package_sources"]
    assert {"bookworm", "bookworm-security"} <= {source["suite"] for source in sources}
    phases = ["acquire", "provision", "validate", "capture", "verify", "publish", "release"]
    assert list(record["phases"]) == phases
    assert record["spec"]["files"][0]["name"] == "spec.yml"


def test_a_build_is_shown_with_its_image_and_the_place_of_its_spec(shared_goldsmith: Cli, built: Built) -> None:
    text = shared_goldsmith.ask("images", "show", f"{shared_goldsmith.name}@1").stdout
    assert built.result["build"] in text and built.result["artifact"]["id"] in text
    shown = json.loads(shared_goldsmith.ask("images", "show", f"{shared_goldsmith.name}@1", "--json").stdout)
    (build,) = [build for version in shown["versions"] for build in version["builds"]]
    assert (build["id"], build["spec"]) == (built.result["build"], str(built.spec.resolve()))


def test_tests_of_all_kinds_run_and_are_recorded(built: Built) -> None:
    assert [(test["framework"], test["outcome"]) for test in built.result["tests"]] == [
        ("goss", "passed"),
        ("testinfra", "passed"),
        ("goss", "passed"),
    ]


def test_an_image_that_is_pushed_has_the_registrys_digest_in_the_record(
    shared_goldsmith: Cli, built: Built, registry: Registry
) -> None:
    artifact = built.record["artifact"]
    assert artifact["published"] is True
    assert registry.get(f"{shared_goldsmith.name}/tags/list")["tags"][0] == "1"
    assert artifact["digests"][f"{built.repository}:1"].startswith("sha256:")


def test_an_image_is_saved_where_asked(shared_goldsmith: Cli, built: Built) -> None:
    saved = shared_goldsmith.home / "builds" / built.result["build"] / "image.tar"
    assert saved.stat().st_size > 10_000_000


def test_the_exported_project_builds_the_same_image_without_the_runner(
    shared_goldsmith: Cli, built: Built, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    spec = json.loads(built.spec.read_text())
    del spec["targets"]["docker"]["push"], spec["targets"]["docker"]["save"]  # they take long, and are looked at above
    exported = built.spec.with_name("exported.yml")
    exported.write_text(json.dumps(spec))
    shared_goldsmith("export", exported, tmp_path / "project", "--set", "marker=exported")
    subprocess.run(
        ["ansible-playbook", "build.yml"],
        cwd=tmp_path / "project",
        check=True,
        env=shared_goldsmith.environment | {"HOME": str(tmp_path)},
    )
    result = json.loads((tmp_path / "project/output/result.json").read_text())
    assert (result["status"], result["version"]) == ("built", "2")
    assert run_image(f"{built.repository}:2", "cat", "/etc/marker", "/etc/second") == "exportedx"
    assert [p["name"] for p in result["packages"]] == [p["name"] for p in built.record["packages"]]
    assert leftovers(docker_client, shared_goldsmith.name) == []


# The examples show the one, of an image without Python that another one of the same run starts from, and the tests of
# docker_bootstrap the other.
@pytest.mark.exhaustive
def test_a_spec_starts_from_another_one_of_the_same_run_and_keeps_only_the_python_that_a_layer_installed(
    goldsmith: Cli, write_spec: SpecWriter, base_image: str, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    parent = write_spec(
        WRITE_MARKER, parameters={"marker": "parent"}, platforms={"debian-12": {"docker": {"image": base_image}}}
    )
    child = tmp_path / "spec" / "child.yml"
    child.write_text(
        json.dumps(
            {
                "name": f"{goldsmith.name}-child",
                "platforms": {"debian-12": {"docker": {"from": goldsmith.name}}},
                "layers": [{"tasks": "python.yml"}],
                "targets": {"docker": {"tags": ["1"]}},
            }
        )
    )
    (child.parent / "python.yml").write_text("- ansible.builtin.apt: {name: python3, state: present}\n")
    missing = goldsmith("build", child, code=2)
    assert f"there is no image {goldsmith.name}/debian-12/docker yet" in missing.stderr
    with_python, without = goldsmith.builds(child, parent, "--jobs", "2")
    assert [with_python["status"], without["status"]] == ["built", "built"]
    image = docker_client.images.get(with_python["artifact"]["id"])
    assert with_python["source"]["id"] == without["artifact"]["id"]
    assert run_image(image.id, "cat", "/etc/marker") == "parent"

    look = ["find", "/usr", "-name", "*python3*"]
    assert run_image(without["artifact"]["id"], *look) == run_image(base_image, *look)
    assert not any("python" in package["name"] for package in goldsmith.record(without["build"])["packages"])
    assert run_image(image.id, "python3", "-c", "print(1)") == "1\n"
    docker_client.images.remove(image.id, force=True)


def test_the_exported_project_releases_the_machine_and_fails_when_a_task_fails(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    spec = write_spec("- name: Break\n  ansible.builtin.fail: {msg: on purpose}\n")
    goldsmith("export", spec, tmp_path / "project")
    again = goldsmith("export", spec, tmp_path / "project", code=2)
    assert "is not empty" in again.stderr
    done = subprocess.run(
        ["ansible-playbook", "build.yml"],
        cwd=tmp_path / "project",
        capture_output=True,
        text=True,
        env=goldsmith.environment,
    )
    assert done.returncode != 0
    last = next(line for line in reversed(done.stdout.splitlines()) if "failed in" in line)
    assert "provision, layer tasks, task Break: on purpose" in last
    assert leftovers(docker_client, goldsmith.name) == []
