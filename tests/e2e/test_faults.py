"""What goes wrong is told, nothing is left behind, and nothing good is lost."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from ..conftest import run_image
from .conftest import GOLDSMITH, Cli, SpecWriter, leftovers

pytestmark = pytest.mark.docker

WAIT = "- name: Wait\n  ansible.builtin.command: {cmd: sleep 300}\n"


def until(condition: Callable[[], object], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.1)


def containers(client: docker.DockerClient, name: str) -> list[docker.models.containers.Container]:
    return client.containers.list(filters={"label": f"io.goldsmith.name={name}"})


def sleeping(client: docker.DockerClient, name: str, command: str = "sleep 300") -> bool:
    """Whether the layer that waits is reached."""
    return any(command in " ".join(row) for one in containers(client, name) for row in one.top()["Processes"] or [])


def test_a_failing_task_is_named_with_layer_and_reason_without_its_secret_and_all_is_released(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    value = goldsmith.environ["THE_TOKEN"] = "v3ry-s3cret-value"
    tasks = '- name: Break\n  ansible.builtin.fail: {msg: "no luck with {{ token }}"}\n'
    done = goldsmith("build", write_spec(tasks, secrets={"token": {"env": "THE_TOKEN"}}), code=1)
    failure = done.stdout.splitlines()[-1]
    assert "phase provision, layer tasks, task 'Break'" in failure and "no luck with" in failure
    assert value not in done.stdout + done.stderr
    grep = subprocess.run(["grep", "-rlF", value, str(goldsmith.home), "/dev/shm"], capture_output=True, text=True)
    assert grep.stdout == ""
    assert leftovers(docker_client, goldsmith.name) == []
    (image,) = json.loads(goldsmith.ask("images", "--json").stdout)
    assert image["state"] == "failed"


def test_a_failing_test_fails_the_build_with_what_was_expected_and_found_and_nothing_is_kept_that_nobody_wants(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    files = {"a.goss.yaml": "package: {nginx: {installed: true}}\n"}
    spec = write_spec(files=files, tests=[{"goss": "a.goss.yaml"}])
    said = in_terminal([GOLDSMITH, "build", str(spec), "--on-error", "ask"], goldsmith.environment, "n\n")
    assert "Keep its machine? [y/N]" in said
    failure = said.splitlines()[-1]
    assert "nginx" in failure and "expected true, found false" in failure
    shown = json.loads(goldsmith.ask("images", "show", goldsmith.name, "--json").stdout)
    assert shown["versions"][0]["builds"][0]["tests"]["failed"] == 1
    assert leftovers(docker_client, goldsmith.name) == []


def test_an_image_that_does_not_boot_well_is_discarded_before_it_is_tagged(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    files = {"boot.goss.yaml": "file: {/nowhere: {exists: true}}\n"}
    goldsmith("build", write_spec(files=files, tests=[{"boot": {"goss": "boot.goss.yaml"}}]), code=1)
    assert docker_client.images.list(filters={"label": f"io.goldsmith.name={goldsmith.name}"}) == []


def test_a_base_image_that_does_not_exist_is_told(goldsmith: Cli, write_spec: SpecWriter) -> None:
    spec = write_spec(platforms={"debian-12": {"docker": {"image": "goldsmith-test/nowhere:1", "pull": "never"}}})
    done = goldsmith("build", spec, code=1)
    assert "goldsmith-test/nowhere:1" in done.stdout.splitlines()[-1]


def test_a_push_that_is_refused_leaves_the_image_and_says_how_to_push_again(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    repository = f"127.0.0.1:1/{goldsmith.name}"
    spec = write_spec(targets={"docker": {"repository": repository, "tags": ["v1"], "push": True}})
    done = goldsmith("build", spec, code=1)
    assert f"docker push {repository}:v1" in done.stdout
    image = docker_client.images.get(f"{repository}:v1")
    shown = json.loads(goldsmith.ask("images", "show", goldsmith.name, "--json").stdout)
    (artifact,) = shown["versions"][0]["builds"][0]["artifacts"]
    assert (artifact["identity"], artifact["published"]) == (image.id, False)


def test_a_container_that_is_removed_mid_build_fails_the_build_and_leaves_nothing(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    with goldsmith.start("build", write_spec(WAIT + WAIT)) as process:
        until(lambda: sleeping(docker_client, goldsmith.name), "the layer")
        for container in containers(docker_client, goldsmith.name):
            container.remove(force=True)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "layer tasks" in said.splitlines()[-1]
    assert leftovers(docker_client, goldsmith.name) == []


def test_ctrl_c_releases_everything(goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient) -> None:
    with goldsmith.start("build", write_spec(WAIT)) as process:
        until(lambda: sleeping(docker_client, goldsmith.name), "the layer")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "the build was cancelled" in said
    assert leftovers(docker_client, goldsmith.name) == []
    (image,) = json.loads(goldsmith.ask("images", "--json").stdout)
    assert image["state"] == "failed"


def test_after_kill_9_sweep_removes_exactly_that_builds_container_and_the_other_one_comes_through(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    spec = write_spec("- ansible.builtin.command: sh -c 'until test -e /go; do sleep 0.2; done'\n")
    with goldsmith.start("build", spec) as killed, goldsmith.start("build", spec) as other:
        until(lambda: len(containers(docker_client, goldsmith.name)) == 2, "both machines")
        until(lambda: sleeping(docker_client, goldsmith.name, "test -e /go"), "the layer")
        before = {container.name for container in containers(docker_client, goldsmith.name)}
        killed.kill()
        killed.wait(10)
        listed = json.loads(goldsmith("sweep", "--check", "--json").stdout)
        removed = json.loads(goldsmith("sweep", "--json").stdout)
        (left,) = containers(docker_client, goldsmith.name)
        left.exec_run(["touch", "/go"])
        said, _ = other.communicate(timeout=120)
    assert other.returncode == 0, said
    mine = [thing for thing in listed["found"] if thing["kind"] == "container" and thing["name"] in before]
    assert len(mine) == 1
    assert [thing["name"] for thing in removed["removed"] if thing["name"] in before] == [mine[0]["name"]]
    assert before - {left.name} == {mine[0]["name"]}
    assert leftovers(docker_client, goldsmith.name) == []
    versions = json.loads(goldsmith.ask("images", "show", goldsmith.name, "--json").stdout)["versions"]
    assert len(versions) == 2
    assert {build["state"] for version in versions for build in version["builds"]} == {"interrupted", "built"}


def test_a_second_ctrl_c_ends_at_once_and_leaves_only_what_sweep_finds(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    with goldsmith.start("build", write_spec(WAIT)) as process:
        until(lambda: sleeping(docker_client, goldsmith.name), "the layer")
        process.send_signal(signal.SIGINT)
        assert process.stdout
        until(lambda: "Releasing" in process.stdout.readline(), "the first signal")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        process.stdout.close()
    goldsmith("sweep")
    assert leftovers(docker_client, goldsmith.name) == []


def test_a_machine_is_kept_when_a_person_says_so_can_be_entered_and_is_swept_by_its_build(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    spec = write_spec("- ansible.builtin.fail: {msg: x}\n")
    said = in_terminal([GOLDSMITH, "build", str(spec), "--on-error", "ask"], goldsmith.environment, "y\n")
    assert "Keep its machine? [y/N]" in said
    (container,) = containers(docker_client, goldsmith.name)
    build = container.labels["io.goldsmith.build"]
    said = in_terminal([GOLDSMITH, "shell", build], goldsmith.environment, "echo inside $((40 + 2)); exit\n")
    assert "inside 42" in said
    goldsmith("sweep", build)
    assert leftovers(docker_client, goldsmith.name) == []
    assert "has no machine any more" in goldsmith("shell", build, code=2).stderr


SECRET = 'S3cr"et {{ 1 + 1 }}\na-second-l1ne'
USE_SECRET = """\
- ansible.builtin.command: {cmd: sha256sum, stdin: "{{ token }}", stdin_add_newline: false}
  register: digest
- ansible.builtin.copy: {content: "{{ digest.stdout }}", dest: /etc/digest, mode: "0644"}
- ansible.builtin.debug: {var: token}
- ansible.builtin.debug: {msg: "{{ token | b64encode }}"}
"""


@pytest.fixture(scope="module")
def debugged(shared_goldsmith: Cli, write_shared_spec: SpecWriter) -> str:
    """What a build with a secret says at a terminal, stopped wherever it can be, with Ansible's own output."""
    shared_goldsmith.environ["THE_TOKEN"] = SECRET
    spec = write_shared_spec(USE_SECRET, secrets={"token": {"env": "THE_TOKEN"}})
    return in_terminal([GOLDSMITH, "build", str(spec), "-v", "--debug"], shared_goldsmith.environment, "\n" * 8)


def test_debug_pauses_between_phases_and_layers_and_says_how_to_enter(debugged: str) -> None:
    for point in ("acquire", "layer-1", "provision"):
        assert f"pauses after {point}" in debugged
    assert "goldsmith shell" in debugged and "is built" in debugged


def test_secrets_are_used_and_found_nowhere(
    shared_goldsmith: Cli, debugged: str, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    image = docker_client.images.get(f"{shared_goldsmith.name}:1")
    inside = run_image(image.id, "cat", "/etc/digest")
    assert inside.startswith(hashlib.sha256(SECRET.encode()).hexdigest()), "the role got the value as it is"
    assert "TASK [" in debugged, "Ansible's own output is there"
    image_tar = tmp_path / "image.tar"
    image_tar.write_bytes(b"".join(image.save()))
    for part in ('S3cr"et', "a-second-l1ne", 'S3cr\\"et'):
        assert part not in debugged
        grep = subprocess.run(
            ["grep", "-rlF", part, str(shared_goldsmith.home), str(image_tar), "/dev/shm"],
            capture_output=True,
            text=True,
        )
        assert grep.stdout == ""


def test_a_secret_that_is_missing_is_named_before_anything_starts(goldsmith: Cli, write_spec: SpecWriter) -> None:
    said = goldsmith.ask("build", write_spec(secrets={"token": {"env": "NOT_SET_ANYWHERE"}}), code=3).stderr
    assert "NOT_SET_ANYWHERE" in said and "token" in said
    assert json.loads(goldsmith.ask("images", "--json").stdout) == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "web; rm -rf /"}, "web; rm -rf /"),
        ({"layers": [{"role": "goldsmith.images.os_patchin"}]}, "did you mean 'goldsmith.images.os_patching'?"),
        ({"layers": [{"tasks": "missing.yml"}]}, "missing.yml"),
    ],
)
def test_a_wrong_spec_is_refused_with_its_place(
    goldsmith: Cli, write_spec: SpecWriter, keys: dict, message: str
) -> None:
    said = goldsmith.ask("build", write_spec(**keys), code=2).stderr
    assert message in said and "spec.yml:" in said


def test_no_engine_is_the_environments_fault(goldsmith: Cli, write_spec: SpecWriter, tmp_path: Path) -> None:
    goldsmith.environ["DOCKER_HOST"] = f"unix://{tmp_path}/nothing.sock"
    done = goldsmith("build", write_spec(), code=3)
    assert "no Docker engine answers" in done.stderr


def in_terminal(command: list[str], environ: dict[str, str], typed: str) -> str:
    """Run a command at a terminal of its own, type into it, and return what it shows."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, environ | {"TERM": "dumb", "COLUMNS": "200"})
    os.write(terminal, typed.encode())
    said = b""
    deadline = time.monotonic() + 180
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 1)[0]:
                piece = os.read(terminal, 65536)
                if not piece:
                    break
                said += piece
    except OSError:  # the terminal is gone with the command
        pass
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return said.decode(errors="replace").replace("\r\n", "\n")
