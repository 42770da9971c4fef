#!/usr/bin/env python3
"""Let OpenSCAP and lynis judge a container before and after a role.

The role is run twice on a container of the image, which is timed; what has become of it is committed, and judged beside
the image as it was, each in a container without a network. Nothing is installed in them: the judges are mounted.

    make judge                                            the role os_hardening on a Debian 12 with Python
    make judge args='-e os_hardening_level=2'             with variables, as ansible-playbook takes them
    make judge args='--image myorg/web:7 --no-role'       an image as it is

build/judged then holds judged.txt (which is printed), judged.json, and the judges' own reports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "collections")]

from judging import table, tools, verdicts  # noqa: E402
from judging.judgement import Judgement, Run  # noqa: E402

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: E402

TIMEOUT = 900
"""Seconds that a judge, or one run of the role, may take."""
TOOLS = Path(sys.executable).parent
SCAN = """\
cd /dev/shm
status=0
/judges/oscap xccdf eval --profile xccdf_org.ssgproject.content_profile_{profile} --results openscap.xml {rules} \\
  >openscap.log 2>&1 || status=$?
case $status in
  0 | 2) ;; # 2: some rules are not met
  *) cat openscap.log >&2 && exit 1 ;;
esac
"""
AUDIT = """\
/judges/run-lynis audit system --quick --no-colors --logfile /dev/shm/lynis.log --report-file /dev/shm/lynis.dat \\
  >/dev/shm/lynis.txt 2>&1 || { cat /dev/shm/lynis.txt >&2 && exit 1; }
"""


def docker(*words: str, check: bool = True) -> str:
    """Run Docker's command and return what it prints."""
    command = ["docker", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if check and done.returncode:
        msg = f"docker {words[0]} failed: {done.stderr.strip()[-1000:]}"
        raise Fault(msg)
    return done.stdout


@contextmanager
def container(image: str, *options: str) -> Iterator[str]:
    """Run a container of an image that does nothing, and remove it at the end."""
    name = f"goldsmith-judge-{uuid.uuid4().hex[:12]}"
    try:
        plain = ("--detach", "--init", "--user=0", "--no-healthcheck", "--entrypoint=sleep", "--name", name)
        docker("run", *plain, *options, image, "infinity")
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


def default_image() -> str:
    """Return the id of a small Debian 12 with Python, which the engine keeps."""
    options = json.dumps({"debootstrap": {"suite": "bookworm", "include": ["python3", "python3-apt"]}})
    done = subprocess.run(
        [TOOLS / "ansible", "localhost", "-m", "goldsmith.images.docker_source", "-a", options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections"), "ANSIBLE_LOCALHOST_WARNING": "false"}
        | {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "false"},
    )
    if done.returncode:
        msg = f"The image to judge could not be made; name another one by --image.\n{done.stdout}{done.stderr}"
        raise Fault(msg)
    return str(json.loads(done.stdout.partition("=>")[2])["source"]["id"])


def play(name: str, role: str, variables: Sequence[str], directory: Path) -> tuple[float, dict[str, Any]]:
    """Run the role on a container, and return the seconds it took and ansible-playbook's own JSON."""
    playbook = directory / "judged.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": [role]}]))
    extra = [word for variable in variables for word in ("-e", variable)]
    started = time.monotonic()
    done = subprocess.run(
        [TOOLS / "ansible-playbook", "-i", f"{name},", *extra, playbook],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={"ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections"), "ANSIBLE_ROLES_PATH": str(TOP / "roles")}
        | os.environ
        | {
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_TRANSPORT": "community.docker.docker",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_PIPELINING": "true",
        },
    )
    seconds = time.monotonic() - started
    if done.returncode:
        msg = f"The role {role} failed.\n{(done.stdout + done.stderr)[-3000:]}"
        raise Fault(msg)
    return seconds, json.loads(done.stdout[done.stdout.index("{") :])


@contextmanager
def hardened(image: str, role: str, variables: Sequence[str], directory: Path) -> Iterator[tuple[str, Run]]:
    """Run the role twice on a container of the image, and yield what became of it as an image."""
    with container(image) as name:
        runs = [play(name, role, variables, directory) for _ in range(2)]
        stats = [next(iter(document["stats"].values())) for _, document in runs]
        again = [
            task["task"]["name"]
            for each in runs[1][1]["plays"]
            for task in each["tasks"]
            if any(result.get("changed") for result in task["hosts"].values())
        ]
        run = Run(
            tasks=stats[0]["ok"],
            skipped=stats[0]["skipped"],
            seconds=(round(runs[0][0], 1), round(runs[1][0], 1)),
            changed=(stats[0]["changed"], stats[1]["changed"]),
            changed_again=tuple(again),
            growth=int(docker("inspect", "--size", "--format={{.SizeRw}}", name)),
        )
        made = docker("commit", name).strip()
    try:
        yield made, run
    finally:
        docker("rmi", "--force", made, check=False)


def judge(image: str, carrier: str, profile: str, reports: Path) -> verdicts.Verdict:
    """Let both judges look at a container of an image; their own reports are kept in a directory."""
    reports.mkdir(parents=True, exist_ok=True)
    with container(image, "--network=none", f"--volumes-from={carrier}:ro") as name:

        def inside(script: str) -> str:
            return docker("exec", "--env=LC_ALL=C", name, "sh", "-c", script)

        def report(name: str) -> str:
            text = inside(f"cat /dev/shm/{name}")
            (reports / name).write_text(text)
            return text

        openscap = None
        release = inside("cat /etc/os-release").replace('"', "")
        system = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
        rules = tools.CONTENT.format(id=system.get("ID", ""), version=system.get("VERSION_ID", ""))
        if inside(f"ls {rules} 2>/dev/null || true"):
            inside(SCAN.format(profile=profile, rules=rules))
            openscap = verdicts.read_openscap(report("openscap.xml"))
        inside(AUDIT)
        return verdicts.Verdict(verdicts.read_lynis(report("lynis.dat"), report("lynis.log")), openscap)


def judged(options: argparse.Namespace) -> Judgement:
    """Do all that was asked for."""
    carrier = ""
    image = options.image or default_image()
    try:
        carrier = docker("create", "--volume=/judges", tools.bring(), "none").strip()
        if options.no_role:
            verdict = judge(image, carrier, options.profile, options.output / "before")
            return Judgement(image, "", (), options.profile, None, verdict, None)
        with hardened(image, options.role, options.extra, options.output) as (made, run), ThreadPoolExecutor(2) as pool:
            after = pool.submit(judge, made, carrier, options.profile, options.output / "after")
            before = options.no_before or pool.submit(judge, image, carrier, options.profile, options.output / "before")
            return Judgement(
                image=image,
                role=options.role,
                variables=tuple(options.extra),
                profile=options.profile,
                run=run,
                before=None if before is True else before.result(),
                after=after.result(),
            )
    finally:
        if carrier:
            docker("rm", "--force", "--volumes", carrier, check=False)


def main() -> int:
    """Judge as the command line says, print the table, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", help="image to judge (default: a small Debian 12 with Python)")
    parser.add_argument("--role", default="goldsmith.images.os_hardening", help="role to run (default: %(default)s)")
    parser.add_argument(
        "-e", dest="extra", action="append", default=[], help="a variable, as ansible-playbook takes it"
    )
    parser.add_argument("--no-role", action="store_true", help="judge the image as it is")
    parser.add_argument("--no-before", action="store_true", help="do not judge the image as it was before")
    parser.add_argument("--profile", default="anssi_bp28_high", help="OpenSCAP's profile (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=TOP / "build/judged", help="directory for what is written")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        judgement = judged(options)
    except (Fault, ValueError, subprocess.TimeoutExpired) as fault:
        sys.stderr.write(f"judge: {fault}\n")
        return 1
    text = table.text(judgement)
    (options.output / "judged.txt").write_text(text)
    (options.output / "judged.json").write_text(json.dumps(judgement.document(), indent=2) + "\n")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
