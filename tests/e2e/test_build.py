"""A spec becomes a recorded image."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import docker
import pytest

from ..conftest import run_image
from .conftest import Cli, SpecWriter, leftovers

pytestmark = pytest.mark.docker

WRITE_MARKER = '- ansible.builtin.copy: {content: "{{ marker }}", dest: /etc/marker, mode: "0644"}\n'


def test_two_builds_of_a_spec_are_two_recorded_versions(goldsmith: Cli, write_spec: SpecWriter) -> None:
    spec = write_spec()
    first, second = goldsmith.build(spec), goldsmith.build(Path(os.path.relpath(spec)))
    assert [first["version"], second["version"]] == ["1", "2"]
    (image,) = json.loads(goldsmith("images", "--json").stdout)
    assert (image["name"], image["newest"]["sequence"], image["state"]) == (goldsmith.name, 2, "built")
    shown = goldsmith("images", "show", goldsmith.name).stdout
    assert first["build"] in shown and second["artifact"]["id"] in shown
    versions = json.loads(goldsmith("images", "show", goldsmith.name, "--json").stdout)["versions"]
    assert {build["spec"] for version in versions for build in version["builds"]} == {str(spec.resolve())}


def test_the_image_is_tagged_labelled_stamped_and_nothing_else_is_left(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    config = {"cmd": ["cat", "/etc/goldsmith-release"], "env": {"A": "1"}, "user": 65534, "labels": {"team": "web"}}
    spec = write_spec(
        WRITE_MARKER, parameters={"marker": "x"}, targets={"docker": {"tags": ["{{ version }}"], "config": config}}
    )
    result = goldsmith.build(spec, "--set", "marker=from the command line")
    image = docker_client.images.get(f"{goldsmith.name}:1")
    assert image.id == result["artifact"]["id"]
    assert image.labels["io.goldsmith.build"] == result["build"]
    assert image.labels["org.opencontainers.image.version"] == "1"
    assert image.labels["team"] == "web"
    assert "io.goldsmith.expires" not in image.labels
    inside = run_image(image.id)
    stamp = dict(line.split("=", 1) for line in inside.splitlines())
    assert stamp["IMAGE_ID"] == f'"{goldsmith.name}"'
    assert stamp["BUILD_ID"] == f'"{result["build"]}"'
    assert run_image(image.id, "cat", "/etc/marker") == "from the command line"
    assert run_image(image.id, "id", "-u") == "65534\n"
    assert leftovers(docker_client, goldsmith.name) == []


def test_the_record_has_what_is_inside_and_how_long_it_took(goldsmith: Cli, write_spec: SpecWriter) -> None:
    result = goldsmith.build(write_spec())
    record = goldsmith.record(result["build"])
    assert record["status"] == "built"
    assert {"name": "dpkg", "type": "deb"}.items() <= next(p for p in record["packages"] if p["name"] == "dpkg").items()
    sources = record["artifact"]["package_sources"]
    assert {"bookworm", "bookworm-security"} <= {source["suite"] for source in sources}
    assert list(record["phases"]) == ["acquire", "provision", "validate", "capture", "publish", "release"]
    assert record["spec"]["files"][0]["name"] == "spec.yml"
    assert Path(result["record"]).is_file()


def test_a_plain_build_tells_phases_and_ends_with_the_images_facts(goldsmith: Cli, write_spec: SpecWriter) -> None:
    done = goldsmith("build", write_spec())
    for phase in ("acquire", "provision", "capture", "publish", "release"):
        assert f"docker: {phase}\n" in done.stderr
    for fact in ("image ", "digest ", "size ", "seconds ", "record "):
        assert fact in done.stdout


def test_an_image_that_is_pushed_has_the_registrys_digest_in_the_record(
    goldsmith: Cli, write_spec: SpecWriter, registry
) -> None:
    repository = f"{registry.address}/{goldsmith.name}"
    result = goldsmith.build(write_spec(targets={"docker": {"repository": repository, "tags": ["v1"], "push": True}}))
    assert result["artifact"]["published"] is True
    assert registry.get(f"{goldsmith.name}/tags/list")["tags"] == ["v1"]
    assert result["artifact"]["digests"][f"{repository}:v1"].startswith("sha256:")


def test_python_that_only_ansible_needed_is_gone_from_the_image(
    goldsmith: Cli, write_spec: SpecWriter, base_image: str, docker_client: docker.DockerClient
) -> None:
    spec = write_spec(
        WRITE_MARKER, parameters={"marker": "x"}, platforms={"debian-12": {"docker": {"image": base_image}}}
    )
    result = goldsmith.build(spec)
    found = run_image(result["artifact"]["id"], "find", "/usr", "-name", "*python3*")
    assert found.split() == run_image(base_image, "find", "/usr", "-name", "*python3*").split()
    assert not any("python" in package["name"] for package in goldsmith.record(result["build"])["packages"])


def test_a_layer_that_installs_python_keeps_it(
    goldsmith: Cli, write_spec: SpecWriter, base_image: str, docker_client: docker.DockerClient
) -> None:
    tasks = "- ansible.builtin.apt: {name: python3, state: present}\n"
    result = goldsmith.build(write_spec(tasks, platforms={"debian-12": {"docker": {"image": base_image}}}))
    said = run_image(result["artifact"]["id"], "python3", "-c", "print(1)")
    assert said == "1\n"


def test_a_spec_starts_from_the_newest_image_of_another_one_built_in_the_same_run(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    parent = write_spec(WRITE_MARKER, parameters={"marker": "parent"})
    child = tmp_path / "spec" / "child.yml"
    child.write_text(
        json.dumps(
            {
                "name": f"{goldsmith.name}-child",
                "platforms": {"debian-12": {"docker": {"from": goldsmith.name}}},
                "targets": {"docker": {"tags": ["1"]}},
            }
        )
    )
    missing = goldsmith("build", child, code=2)
    assert f"there is no image {goldsmith.name}/debian-12/docker yet" in missing.stderr
    results = goldsmith.builds(child, parent, "--jobs", "2")
    assert [result["status"] for result in results] == ["built", "built"]
    image = docker_client.images.get(results[0]["artifact"]["id"])
    assert run_image(image.id, "cat", "/etc/marker") == "parent"
    assert results[0]["source"]["id"] == results[1]["artifact"]["id"]
    docker_client.images.remove(image.id, force=True)


def test_two_builds_of_the_same_spec_at_once_do_not_disturb_each_other(goldsmith: Cli, write_spec: SpecWriter) -> None:
    spec = write_spec()
    running = [goldsmith.start("build", spec, "--json") for _ in range(2)]
    ends = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    (image,) = json.loads(goldsmith("images", "--json").stdout)
    assert image["newest"]["sequence"] == 2


def test_handlers_run_at_the_end_of_their_layer(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    layers = [{"role": "./roles/first"}, {"tasks": "second.yml"}]
    files = {
        "roles/first/tasks/main.yml": "- ansible.builtin.command: {cmd: 'true'}\n  changed_when: true\n  notify: Mark\n",
        "roles/first/handlers/main.yml": "- name: Mark\n  ansible.builtin.copy: {content: x, dest: /etc/handled, mode: '0644'}\n",
        "second.yml": "- ansible.builtin.command: {cmd: cp /etc/handled /etc/second}\n",
    }
    result = goldsmith.build(write_spec(files=files, layers=layers))
    assert run_image(result["artifact"]["id"], "cat", "/etc/second") == "x"


def test_tests_of_all_kinds_run_and_are_recorded(goldsmith: Cli, write_spec: SpecWriter) -> None:
    files = {
        "web.goss.yaml": "file: {/etc/goldsmith-release: {exists: true}}\n",
        "test_web.py": "def test_release(host):\n    assert host.file('/etc/goldsmith-release').exists\n",
        "boot.goss.yaml": "process: {sleep: {running: true}}\n",
    }
    tests = [{"goss": "web.goss.yaml"}, {"testinfra": "test_web.py"}, {"boot": {"goss": "boot.goss.yaml"}}]
    targets = {"docker": {"tags": ["1"], "config": {"cmd": ["sleep", "60"]}}}
    result = goldsmith.build(write_spec(files=files, tests=tests, targets=targets))
    assert [(test["framework"], test["outcome"]) for test in result["tests"]] == [
        ("goss", "passed"),
        ("testinfra", "passed"),
        ("goss", "passed"),
    ]


def test_an_image_is_saved_where_asked(goldsmith: Cli, write_spec: SpecWriter) -> None:
    result = goldsmith.build(write_spec(targets={"docker": {"tags": ["1"], "save": "image.tar"}}))
    assert (goldsmith.home / "builds" / result["build"] / "image.tar").stat().st_size > 10_000_000


def test_the_exported_project_builds_the_same_image_without_the_runner(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    spec = write_spec(WRITE_MARKER, parameters={"marker": "exported"}, targets={"docker": {"tags": ["{{ version }}"]}})
    built = goldsmith.build(spec)
    goldsmith("export", spec, tmp_path / "project")
    subprocess.run(
        ["ansible-playbook", "build.yml"],
        cwd=tmp_path / "project",
        check=True,
        env=goldsmith.environment | {"HOME": str(tmp_path)},
    )
    result = json.loads((tmp_path / "project/output/result.json").read_text())
    assert (result["status"], result["version"]) == ("built", "2")
    assert run_image(f"{goldsmith.name}:2", "cat", "/etc/marker") == "exported"
    assert [p["name"] for p in result["packages"]] == [p["name"] for p in goldsmith.record(built["build"])["packages"]]
    assert leftovers(docker_client, goldsmith.name) == []


def test_the_exported_project_releases_the_machine_and_fails_when_a_task_fails(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    spec = write_spec("- name: Break\n  ansible.builtin.fail: {msg: on purpose}\n")
    goldsmith("export", spec, tmp_path / "project")
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


def test_an_export_never_overwrites(goldsmith: Cli, write_spec: SpecWriter, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/mine").write_text("x")
    done = goldsmith("export", write_spec(), tmp_path / "project", code=2)
    assert "is not empty" in done.stderr
    assert os.listdir(tmp_path / "project") == ["mine"]
