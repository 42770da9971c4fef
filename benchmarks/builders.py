"""The builders that are compared: each makes the image of spec.yml, clean-up included, and tells its seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from measure import Broken, Cost, run
from ruamel.yaml import YAML

from goldsmith.lab import Lab

HERE = Path(__file__).parent
PROGRAMS = Path(sys.executable).parent
BASE = "goldsmith-bench/base:1"
LABEL = "goldsmith-bench"
AT_ONCE = 4
MADE = ("goldsmith", "playbook", "packer", "floor")
GOLDSMITH = str(PROGRAMS / "goldsmith")
ANSIBLE = str(PROGRAMS / "ansible-playbook")
PACKER = str(PROGRAMS / "packer")
DEFAULTS = str(HERE / "ansible.cfg")
DEBIAN = "136693071363"
WITHOUT_MITOGEN = {"ANSIBLE_STRATEGY": "linear"}
# Packer's SSH proxy speaks no newer signature than ssh-rsa, and no SFTP.
FOR_PACKER = {
    "ANSIBLE_SSH_ARGS": "-o HostKeyAlgorithms=+ssh-rsa -o PubkeyAcceptedAlgorithms=+ssh-rsa",
    "ANSIBLE_SCP_EXTRA_ARGS": "-O",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "CHECKPOINT_DISABLE": "1",
    "AWS_POLL_DELAY_SECONDS": "1",
}

Builder = Callable[[int], float]


class Workshop:
    """What the builders share: a directory, a Goldsmith home, the base image.

    Args:
        directory: Takes logs and records.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "GOLDSMITH_HOME": str(directory / "home"),
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "ANSIBLE_ROLES_PATH": str(HERE / "roles"),
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            # Python's own default: who has installed a program does not compile it each time.
            "PYTHONDONTWRITEBYTECODE": "",
        }
        known = subprocess.run([GOLDSMITH, "build", "--help"], capture_output=True, text=True, check=True).stdout
        self.cold = [option for option in ("--force", "--no-cache") if option in known]

    def command(self, name: str, *command: str, **environment: str) -> Cost:
        """Run a command with the workshop's environment and a log of that name."""
        log = self.logs / f"{name}.log"
        return run(command, log=log, environment=self.environment | environment, cwd=HERE)

    def quietly(self, *command: str) -> str:
        """Run a command that is no part of what is measured, and return what it prints."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | self.environment)
        if done.returncode:
            raise Broken(f"{' '.join(command)}: {done.stderr}")
        return done.stdout.strip()

    def base(self) -> None:
        """Make the image that all start from, where it is missing: Debian 12 with Python."""
        if self.quietly("docker", "images", "-q", BASE):
            return
        spec = self.directory / "base" / "base.yml"
        spec.parent.mkdir(exist_ok=True)
        tasks = "- ansible.builtin.apt: {name: [python3, python3-apt, sudo], install_recommends: false}\n"
        (spec.parent / "python.yml").write_text(tasks)
        repository, tag = BASE.split(":")
        content = {
            "name": "bench-base",
            "platforms": {"debian-12": {"docker": {"debootstrap": {"suite": "bookworm"}}}},
            "layers": [{"tasks": "python.yml"}],
            "targets": {"docker": {"repository": repository, "tags": [tag]}},
        }
        spec.write_text(json.dumps(content))
        self.command("base", GOLDSMITH, "build", str(spec), "--force")

    def goldsmith(self, name: str, *options: str, cold: bool, **environment: str) -> Cost:
        """Build spec.yml."""
        more = (*(self.cold if cold else ()), *options)
        return self.command(name, GOLDSMITH, "build", str(HERE / "spec.yml"), *more, **environment)

    def images(self) -> dict[str, str]:
        """Return the images that are there, by the name of what made them."""
        references = {name: f"goldsmith-bench/{name}:1" for name in MADE}
        return {
            name: reference
            for name, reference in references.items()
            if self.quietly("docker", "images", "-q", reference)
        }

    def clean(self) -> None:
        """Remove the images that were made; the base stays."""
        for repository in (*MADE, "parallel"):
            images = self.quietly("docker", "images", "-q", f"goldsmith-bench/{repository}").split()
            if images:
                self.quietly("docker", "image", "rm", "--force", *sorted(set(images)))


def docker(shop: Workshop) -> dict[str, Builder]:
    """Return the builders of a Docker image, by name, in the order in which they are told of."""
    target = ("--target", "docker")

    def changed(number: int) -> float:
        greeting = f"greeting=round {number} of {os.getpid()}"
        return shop.goldsmith("changed", *target, "--set", greeting, cold=False).seconds

    def unchanged(_: int) -> float:
        shop.goldsmith("before-unchanged", *target, cold=False)
        return shop.goldsmith("unchanged", *target, cold=False).seconds

    return {
        "goldsmith, cold": lambda _: shop.goldsmith("cold", *target, cold=True, **WITHOUT_MITOGEN).seconds,
        "goldsmith, cold, mitogen": lambda _: shop.goldsmith("mitogen", *target, cold=True).seconds,
        "goldsmith, unchanged": unchanged,
        "goldsmith, last layer changed": changed,
        "ansible-playbook, docker commit": partial(_playbook, shop),
        "Packer, ansible": partial(_packer, shop),
        "floor: docker build of a script": lambda _: (
            shop.command(
                "floor", "docker", "build", "--no-cache", "-t", "goldsmith-bench/floor:1", str(HERE / "floor")
            ).seconds
        ),
    }


def parallel(shop: Workshop) -> dict[str, Builder]:
    """Return builders of one and of several images like that of spec.yml, each of a spec of its own."""
    folder = shop.directory / "parallel"
    folder.mkdir(exist_ok=True)
    specs = [str(folder / f"{number}.yml") for number in range(AT_ONCE)]
    for number, file in enumerate(specs):
        spec = YAML(typ="safe").load(HERE / "spec.yml") | {"name": f"bench-{number}"}
        spec["targets"] = {"docker": {"repository": "goldsmith-bench/parallel", "tags": [str(number)]}}
        Path(file).write_text(json.dumps(spec))

    def build(name: str, *arguments: str) -> float:
        return shop.command(name, GOLDSMITH, "build", *arguments, *shop.cold).seconds

    return {
        "goldsmith, one": lambda _: build("one", specs[0]),
        f"goldsmith, {AT_ONCE} at once": lambda _: build("at-once", *specs, "--jobs", str(AT_ONCE)),
    }


def _playbook(shop: Workshop, _: int) -> float:
    name = f"goldsmith-bench-{os.getpid()}"
    script = (
        f"docker run -d --label {LABEL} --name {name} {BASE} sleep infinity"
        f" && {ANSIBLE} -i {name}, -c community.docker.docker playbook.yml"
        f" && docker commit {name} goldsmith-bench/playbook:1; code=$?; docker rm -f {name}; exit $code"
    )
    # Ansible's own defaults, not this checkout's.
    return shop.command("playbook", "sh", "-c", script, ANSIBLE_CONFIG=DEFAULTS).seconds


def _packer(shop: Workshop, _: int) -> float:
    builder = {"type": "docker", "image": BASE, "pull": False, "commit": True}
    tag = {"type": "docker-tag", "repository": "goldsmith-bench/packer", "tags": ["1"]}
    return _packed(shop, "packer", builder, {"user": "root"}, [tag])


def _packed(
    shop: Workshop,
    name: str,
    builder: Mapping[str, Any],
    options: Mapping[str, Any],
    after: list[Any],
    **environment: str,
) -> float:
    provisioner = {"type": "ansible", "playbook_file": str(HERE / "playbook.yml"), **options}
    file = shop.directory / f"{name}.json"
    file.write_text(json.dumps({"builders": [builder], "provisioners": [provisioner], "post-processors": after}))
    settings = FOR_PACKER | {"ANSIBLE_CONFIG": DEFAULTS, "HOME": str(shop.directory)} | environment
    return shop.command(name, PACKER, "build", "-color=false", str(file), **settings).seconds


def ec2(shop: Workshop, lab: Lab) -> dict[str, Builder]:
    """Return the builders of an AMI in the lab, by name."""
    target = ("--target", "ec2")
    source = {"filters": {"name": "debian-12-amd64-*"}, "owners": [DEBIAN], "most_recent": True}

    def packer(number: int) -> float:
        builder = {
            "type": "amazon-ebs",
            "region": "eu-west-1",
            "custom_endpoint_ec2": lab.endpoint,
            "access_key": "test",
            "secret_key": "test",
            "skip_metadata_api_check": True,
            "source_ami_filter": source,
            "instance_type": "t3.micro",
            "ssh_username": "admin",
            "ami_name": f"bench-{os.getpid()}-{number}",
        }
        options = {"user": "admin", "extra_arguments": ["-e", "bench_become=true"]}
        return _packed(shop, "packer-ec2", builder, options, [])

    def goldsmith(name: str, **environment: str) -> float:
        return shop.goldsmith(name, *target, cold=True, **lab.environment, **environment).seconds

    return {
        "goldsmith, EC2 lab": lambda _: goldsmith("ec2", **WITHOUT_MITOGEN),
        "goldsmith, EC2 lab, mitogen": lambda _: goldsmith("ec2-mitogen"),
        "Packer amazon-ebs, EC2 lab": packer,
    }
