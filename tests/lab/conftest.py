"""What tests of the lab share: clients, a key, machines that are entered by SSH."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from goldsmith.lab import Lab

DEBIAN = "136693071363"
TYPE = "t3.micro"


def until(condition: Callable[[], Any], what: str = "", timeout: float = 30.0) -> Any:
    """Wait until a condition is met, and return what it returned."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or condition}"
        time.sleep(0.03)
    return found


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    """Make a call that is refused with this code, and return the message."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return str(error["Message"])


class Account:
    """The account that a lab plays, in one region."""

    def __init__(self, lab: Lab, key: Path, region: str = "eu-west-1", attempts: int = 1) -> None:
        self.lab = lab
        self.key = key
        self.region = region
        self._config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=20)
        self.ec2 = self.client("ec2")

    def client(self, service: str, **options: Any) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.lab.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=options.pop("config", self._config),
            **options,
        )

    def base(self, name: str = "debian-12-amd64-lab") -> str:
        found = self.ec2.describe_images(Owners=[DEBIAN], Filters=[{"Name": "name", "Values": [name]}])
        return str(found["Images"][0]["ImageId"])

    def import_key(self, name: str) -> None:
        self.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=self.key.with_suffix(".pub").read_bytes())

    def run(self, image: str | None = None, **options: Any) -> Machine:
        options = {"InstanceType": TYPE, "KeyName": "lab", **options}
        made = self.ec2.run_instances(ImageId=image or self.base(), MinCount=1, MaxCount=1, **options)
        return Machine(self, made["Instances"][0]["InstanceId"])

    def image_state(self, image: str) -> str:
        return str(self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"])

    def wait_image(self, image: str, state: str = "available") -> dict[str, Any]:
        until(lambda: self.image_state(image) != "pending", f"{image} is made")
        found = self.ec2.describe_images(ImageIds=[image])["Images"][0]
        assert found["State"] == state, found
        return dict(found)


@dataclass
class Machine:
    """An instance."""

    account: Account
    id: str

    def describe(self) -> dict[str, Any]:
        found = self.account.ec2.describe_instances(InstanceIds=[self.id])
        return dict(found["Reservations"][0]["Instances"][0])

    @property
    def state(self) -> str:
        return str(self.describe()["State"]["Name"])

    def wait(self, state: str) -> Machine:
        until(lambda: self.state == state, f"{self.id} is {state}")
        return self

    def ssh(self, command: str, user: str = "admin") -> subprocess.CompletedProcess[str]:
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options.append("ConnectTimeout=5")
        address = self.describe()["PublicIpAddress"]
        given = [word for option in options for word in ("-o", option)]
        return subprocess.run(
            ["ssh", "-i", str(self.account.key), *given, f"{user}@{address}", command], capture_output=True, text=True
        )

    def enter(self) -> Machine:
        until(lambda: self.ssh("true").returncode == 0, f"{self.id} is entered")
        return self

    def do(self, command: str) -> str:
        done = self.ssh(f"sudo sh -c {shlex.quote(command)}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def terminate(self) -> None:
        self.account.ec2.terminate_instances(InstanceIds=[self.id])


def resources(account: Account) -> dict[str, Any]:
    """Return what there is in the account that a build makes for a while."""
    ec2 = account.ec2
    reservations = ec2.describe_instances()["Reservations"]
    states = {one["State"]["Name"] for reservation in reservations for one in reservation["Instances"]}
    return {
        "states": states - {"terminated"},
        "volumes": ec2.describe_volumes()["Volumes"],
        "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "groups": [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]],
        "keys": [pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]],
    }


CLEAN = {"states": set(), "volumes": [], "interfaces": [], "groups": ["default"], "keys": ["lab"]}


def own_images(account: Account) -> dict[str, Any]:
    return {one["Name"]: one for one in account.ec2.describe_images(Owners=["self"])["Images"]}


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Private half of an ed25519 key, with the public half beside it."""
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "somebody", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def account(lab: Lab, key: Path) -> Account:
    """The account in eu-west-1, with the key pair `lab`; its clients make each call once."""
    made = Account(lab, key)
    made.import_key("lab")
    return made
