"""A disk that is built on this machine becomes an AMI, and no instance is started but the one that tests it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Lab

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

SAYS = '- ansible.builtin.copy: {{content: "version {version}\\n", dest: /etc/says, owner: root, group: adm, mode: "0640"}}'
BOOT = """
file:
  /etc/says: {exists: true, contents: [version 1], owner: root, group: adm, mode: "0640"}
  /etc/goldsmith-release: {exists: true, contents: ['IMAGE_VERSION="1"']}
command:
  systemctl is-active ssh: {exit-status: 0}
"""


def calls(lab: Lab, action: str) -> int:
    return sum(call["action"] == action and not call["error"] for call in lab.calls())


def sent(lab: Lab) -> int:
    return calls(lab, "PutSnapshotBlock")


def image_of(lab: Lab, result: dict[str, Any]) -> dict[str, Any]:
    [image] = client(lab.environment).describe_images(ImageIds=[result["artifact"]["id"]])["Images"]
    return dict(image)


@pytest.mark.slow
def test_a_disk_becomes_an_ami_that_starts_with_its_content_and_the_next_version_sends_what_differs(
    goldsmith: Cli, account: Lab, write_ami_spec: SpecWriter, tmp_path: Path
) -> None:
    goldsmith.environ["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    spec: dict[str, Any] = {
        "platforms": {"debian-12": {"ec2": {"debootstrap": {"suite": "bookworm"}}}},
        "targets": {"ec2": {"region": "eu-west-1", "strategy": "direct", "tags": {"team": "web"}}},
    }
    before = resources(account.environment)
    path = write_ami_spec(
        SAYS.format(version=1),
        {"boot.goss.yaml": BOOT},
        tests=[{"boot": {"goss": "boot.goss.yaml"}}],
        version="1",
        **spec,
    )
    first = goldsmith.build(path)
    assert {test["outcome"] for test in first["tests"]} == {"passed"}
    assert (calls(account, "RunInstances"), calls(account, "CreateImage")) == (1, 0)
    image = image_of(account, first)
    assert (image["BootMode"], image["ImdsSupport"], image["EnaSupport"]) == ("uefi-preferred", "v2.0", True)
    [snapshot] = [one["Ebs"]["SnapshotId"] for one in image["BlockDeviceMappings"]]
    assert only_new(before, resources(account.environment)) == {
        "eu-west-1": {"images": [image["ImageId"]], "snapshots": [snapshot]}
    }
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert (tags["goldsmith:state"], tags["goldsmith:user"], tags["team"]) == ("published", "debian", "web")
    whole = sent(account)

    account.clear_calls()
    second = goldsmith.build(write_ami_spec(SAYS.format(version=2), version="2", tests=[], **spec))
    assert (calls(account, "RunInstances"), calls(account, "RegisterImage")) == (0, 1)
    assert 0 < sent(account) < whole / 2
    [other] = [one["Ebs"]["SnapshotId"] for one in image_of(account, second)["BlockDeviceMappings"]]
    ebs = client(account.environment, "ebs")
    differing = ebs.list_changed_blocks(FirstSnapshotId=snapshot, SecondSnapshotId=other)["ChangedBlocks"]
    assert len(differing) == sent(account)
