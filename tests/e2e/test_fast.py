"""Builds through mitogen: the same image as without it, and nothing is left over either."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import docker
import pytest

from ..conftest import run_image
from .conftest import Cli, SpecWriter, leftovers
from .test_faults import containers, sleeping, until

pytestmark = pytest.mark.docker

PLAIN = {"ANSIBLE_STRATEGY": "linear"}

TASKS = """
- name: Make a user
  ansible.builtin.user: {name: worker, shell: /bin/sh, uid: 4321}
- name: Write from a template
  ansible.builtin.template: {src: a.j2, dest: /etc/a.conf, owner: worker, mode: "0640"}
  notify: [Note the change]
- name: Write beside it
  ansible.builtin.copy: {content: "{{ item }}", dest: "/opt/{{ item }}", mode: "0604"}
  loop: [one, two]
- name: Change a line
  ansible.builtin.lineinfile: {path: /etc/a.conf, regexp: "^two", line: "two = 2"}
- name: As another user
  ansible.builtin.shell: umask 027 && id > ~/who && mkdir -p ~/made && pwd > ~/where && env | cut -d= -f1 | grep -c . > /dev/null
  args: {chdir: /tmp}
  become: true
  become_user: worker
  become_method: ansible.builtin.su
- name: A file of another user
  ansible.builtin.copy: {content: mine, dest: ~/mine, mode: "0600"}
  become: true
  become_user: worker
  become_method: ansible.builtin.su
- name: In the background
  ansible.builtin.shell: echo done > /opt/later
  async: 60
  poll: 0
  register: later
- name: Wait for it
  ansible.builtin.async_status: {jid: "{{ later.ansible_job_id }}"}
  register: status
  until: status.finished
  delay: 1
  retries: 60
- name: Clear what it noted
  ansible.builtin.async_status: {jid: "{{ later.ansible_job_id }}", mode: cleanup}
- name: A script of the controller
  ansible.builtin.script: {cmd: files/script.sh /opt/scripted}
- name: With an environment
  ansible.builtin.shell: 'echo "$GREETING" > /opt/greeting'
  environment: {GREETING: hello}
- name: Unpack
  ansible.builtin.unarchive: {src: files/some.tar, dest: /opt}
- name: What is known
  ansible.builtin.copy:
    content: "{{ ansible_facts.distribution }} {{ ansible_facts.python.executable }} {{ ansible_facts.user_id }} {{ ansible_facts.os_family }}\\n"
    dest: /etc/facts
    mode: "0644"
- name: Expected to fail
  ansible.builtin.command: ls /nowhere
  register: failed
  failed_when: failed.rc != 2
- name: Keep its words
  ansible.builtin.copy: {content: "{{ failed.stderr }} {{ failed.rc }}", dest: /etc/words, mode: "0644"}
- name: Look at the user's own
  ansible.builtin.slurp: {src: /home/worker/where}
  register: slurped
- name: Keep it
  ansible.builtin.copy: {content: "{{ slurped.content | b64decode }}", dest: /etc/slurped, mode: "0644"}
"""
ROLE = {
    "roles/all/tasks/main.yml": TASKS.replace("files/", ""),
    "roles/all/handlers/main.yml": "- name: Note the change\n  ansible.builtin.copy: {content: handled, dest: /etc/handled, mode: '0644'}\n",
    "roles/all/templates/a.j2": "one = {{ ansible_facts.distribution }}\ntwo = {{ marker }}\n",
    "roles/all/files/script.sh": "#!/bin/sh\necho scripted by $(id -un) > $1\n",
}
# Everything but what names the build and the moment; a log's date is the moment as well.
CHANGING = {"/etc/goldsmith-release", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
TREE = (
    r"cd / && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev \) -prune -o -printf '%y %m %U:%G %l %p\n'"
    r" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev \) -prune -o -type f -print0 | xargs -0 sha256sum"
)


def tree(image: str) -> set[str]:
    """Return every file of an image: kind, mode, owner, links, target, and of regular ones the contents."""
    lines = run_image(image, "sh", "-c", TREE).splitlines()
    return {line for line in lines if not any(line.endswith(f" .{path}") for path in CHANGING)}


def used(goldsmith: Cli, build: str) -> bool:
    """Whether a build ran through mitogen, by its own record."""
    return "mitogen" in (goldsmith.home / "builds" / build / "provenance.json").read_text()


def processes(build: str) -> list[str]:
    """Return the command lines of the processes on this machine that a build started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"GOLDSMITH_BUILD={build}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append((path / "cmdline").read_text().replace("\0", " "))
    return found


def test_an_image_built_through_mitogen_is_the_same(goldsmith: Cli, write_spec: SpecWriter, tmp_path: Path) -> None:
    (tmp_path / "spec" / "roles" / "all" / "files").mkdir(parents=True)
    (tmp_path / "spec" / "packed").write_text("packed")
    where = tmp_path / "spec"
    subprocess.run(["tar", "-cf", where / "roles/all/files/some.tar", "-C", where, "packed"], check=True)
    spec = write_spec(files=ROLE, layers=[{"role": "all"}], parameters={"marker": "x"})
    through = goldsmith.build(spec)
    goldsmith.environ |= PLAIN
    plain = goldsmith.build(spec, "--force")
    assert (used(goldsmith, through["build"]), used(goldsmith, plain["build"])) == (True, False)
    ours, theirs = tree(through["artifact"]["id"]), tree(plain["artifact"]["id"])
    assert (sorted(ours - theirs), sorted(theirs - ours)) == ([], [])
    assert any(line.endswith("./etc/handled") for line in ours)


WAIT = """
- name: Run a module on the controller
  ansible.builtin.command: {cmd: "true"}
  delegate_to: localhost
- name: Wait
  ansible.builtin.command: {cmd: sleep 300}
"""


def test_after_kill_9_sweep_leaves_no_process_either(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    with goldsmith.start("build", write_spec(WAIT)) as process:
        until(lambda: sleeping(docker_client, goldsmith.name), "the layer")
        [machine] = containers(docker_client, goldsmith.name)
        build = machine.labels["io.goldsmith.build"]
        assert any("mitogen" in line for line in processes(build)), processes(build)
        process.kill()
        goldsmith("sweep")
        process.communicate(timeout=30)
    until(lambda: not processes(build), "the end of its processes", 10)
    assert leftovers(docker_client, goldsmith.name) == []


def test_a_task_that_takes_too_long_ends_and_what_rescues_it_goes_on(goldsmith: Cli, write_spec: SpecWriter) -> None:
    tasks = """
- block:
    - ansible.builtin.command: {cmd: sleep 300}
      timeout: 2
  rescue:
    - ansible.builtin.command: {cmd: touch /etc/rescued}
"""
    result = goldsmith.build(write_spec(tasks))
    assert used(goldsmith, result["build"])
    assert run_image(result["artifact"]["id"], "ls", "/etc/rescued") == "/etc/rescued\n"
    assert processes(result["build"]) == []
