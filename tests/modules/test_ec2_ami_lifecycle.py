"""`ec2_ami_lifecycle` on the lab: which images are retired, with their snapshots, and what keeps one."""

from __future__ import annotations

import itertools
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
Retire = Callable[..., dict[str, Any]]


class Image(NamedTuple):
    id: str
    snapshot: str


class Account:
    """The lab's account, with images made of one small machine."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._session = boto3.session.Session(
            lab.environment["AWS_ACCESS_KEY_ID"],
            lab.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=lab.environment["AWS_REGION"],
        )
        self._clients: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self.ec2 = self.client("ec2")
        images = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"]
        instance = self.start(images[0]["ImageId"])
        origin = self.ec2.create_image(InstanceId=instance, Name="origin", NoReboot=True)["ImageId"]
        self._wait("image_available", ImageIds=[origin])
        self.ec2.terminate_instances(InstanceIds=[instance])
        self._origin: str = self.described([origin])[0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.lab.endpoint)
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _wait(self, what: str, **of: Any) -> None:
        self.ec2.get_waiter(what).wait(**of, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})

    def start(self, image: str) -> str:
        made = self.ec2.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1)["Instances"]
        self._wait("instance_running", InstanceIds=[made[0]["InstanceId"]])
        return str(made[0]["InstanceId"])

    def image(self, name: str, state: str = "published", **tags: str) -> Image:
        """Make an image that is newer than those made before."""
        number = next(self._numbers)
        build = f"20261122T07{number:04}-{uuid.uuid4().hex[:8]}"
        marks = {"name": name, "version": str(number), "build": build, "state": state, "role": "artifact"}
        all_tags = [{"Key": f"goldsmith:{key}", "Value": value} for key, value in marks.items() if name]
        all_tags += [{"Key": key, "Value": value} for key, value in tags.items()]

        def tagged(kind: str) -> list[dict[str, Any]]:
            return [{"ResourceType": kind, "Tags": all_tags}]

        snapshot = self.ec2.copy_snapshot(
            SourceRegion="eu-west-1", SourceSnapshotId=self._origin, TagSpecifications=tagged("snapshot")
        )["SnapshotId"]
        self._wait("snapshot_completed", SnapshotIds=[snapshot])
        made = self.ec2.register_image(
            Name=f"{name}-debian-12-{number}-{build}",
            Architecture="x86_64",
            VirtualizationType="hvm",
            RootDeviceName="/dev/xvda",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
            TagSpecifications=tagged("image"),
        )["ImageId"]
        self._wait("image_available", ImageIds=[made])
        return Image(made, snapshot)

    def described(self, images: list[str]) -> list[dict[str, Any]]:
        found = self.ec2.describe_images(
            IncludeDisabled=True, IncludeDeprecated=True, Filters=[{"Name": "image-id", "Values": images}]
        )
        return list(found["Images"])

    def there(self, *images: Image) -> list[bool]:
        """Tell of each image whether it is there; its snapshot is where it is."""
        ids = {one["ImageId"] for one in self.described([image.id for image in images])}
        found = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        snapshots = {one["SnapshotId"] for one in found}
        assert [image.snapshot in snapshots for image in images] == [image.id in ids for image in images]
        return [image.id in ids for image in images]


@pytest.fixture(scope="module")
def account(lab: Lab) -> Iterator[Account]:
    account = Account(lab)
    yield account
    account.close()


@pytest.fixture
def retire(lab: Lab, run_module: RunModule) -> Iterator[Retire]:
    """Run the module against the lab; faults end with the test."""

    def run(*, check: bool = False, **options: Any) -> dict[str, Any]:
        lab.clear_calls()
        return run_module("ec2_ami_lifecycle", check=check, environ=lab.environment, **options)

    yield run
    lab.clear_faults()


def done(result: dict[str, Any]) -> dict[str, str]:
    return {image["id"]: image["done"] for image in result["images"]}


def reasons(result: dict[str, Any]) -> dict[str, str]:
    return {image["id"]: image["reason"] for image in result["images"]}


def writes(lab: Lab) -> list[str]:
    reads = ("Describe", "Get", "List")
    return [call["action"] for call in lab.calls() if not call["action"].startswith(reads)]


def test_old_images_go_with_their_snapshots_and_the_newest_stays(
    account: Account, retire: Retire, lab: Lab, unique: str
) -> None:
    old, older = account.image(unique), account.image(unique)
    new, unfinished = account.image(unique), account.image(unique, "candidate")
    other = account.image(f"{unique}-other")
    options = {"name": unique, "action": "deregister"}

    told = retire(check=True, **options)
    assert writes(lab) == []
    first = retire(**options)
    assert writes(lab) == ["CreateTags"] + ["DeregisterImage", "DeleteSnapshot"] * 2
    second = retire(**options)

    expected = {unfinished.id: "kept", new.id: "kept", older.id: "deregistered", old.id: "deregistered"}
    assert done(told) == done(first) == expected
    assert list(done(first)) == [unfinished.id, new.id, older.id, old.id]
    assert (told["changed"], first["changed"], second["changed"]) == (True, True, False)
    assert reasons(first)[new.id] == "it is the newest"
    assert account.there(old, older, new, unfinished, other) == [False, False, True, True, True]
    assert told["diff"]["after"] == first["diff"]["after"] != first["diff"]["before"]
    image = first["images"][3]
    assert image["snapshots"] == [old.snapshot]
    assert (image["name"].startswith(f"{unique}-debian-12-{image['version']}-"), image["used_by"]) == (True, [])
    assert image["created"].endswith("Z")


def test_whatever_uses_an_image_keeps_it(account: Account, retire: Retire, unique: str) -> None:
    names = ("started", "stopped", "ended", "template", "parameter", "configuration", "free", "newest")
    images = {name: account.image(unique) for name in names}
    ids = {name: image.id for name, image in images.items()}
    instances = {name: account.start(ids[name]) for name in ("started", "stopped", "ended")}
    account.ec2.stop_instances(InstanceIds=[instances["stopped"]])
    account.ec2.terminate_instances(InstanceIds=[instances["ended"]])
    account.ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[instances["ended"]], WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    template = {"LaunchTemplateName": unique}
    for image in (ids["template"], f"resolve:ssm:/{unique}:1", ids["newest"]):
        make = (
            account.ec2.create_launch_template
            if image == ids["template"]
            else account.ec2.create_launch_template_version
        )
        make(**template, LaunchTemplateData={"ImageId": image})
    account.client("ssm").put_parameter(Name=f"/{unique}", Value=ids["parameter"], Type="String")
    account.client("autoscaling").create_launch_configuration(
        LaunchConfigurationName=unique, ImageId=ids["configuration"], InstanceType="t3.small"
    )

    result = retire(name=unique, action="deregister")

    assert {name: reasons(result)[image] for name, image in ids.items()} == {
        "started": f"it is used by instance {instances['started']}",
        "stopped": f"it is used by instance {instances['stopped']}",
        "ended": "it is not the newest",
        "template": f"it is used by launch template {unique} version 1",
        "parameter": f"it is used by launch template {unique} version 2",
        "configuration": f"it is used by launch configuration {unique}",
        "free": "it is not the newest",
        "newest": "it is the newest",
    }
    gone = {name for name, there in zip(names, account.there(*images.values()), strict=True) if not there}
    assert gone == {"ended", "free"}
    account.ec2.terminate_instances(InstanceIds=[instances["started"], instances["stopped"]])


def test_deprecated_images_are_hidden_from_now_on_and_disabled_ones_cannot_be_launched(
    account: Account, retire: Retire, lab: Lab, unique: str
) -> None:
    old, _new = account.image(unique), account.image(unique)

    deprecated = retire(name=unique, action="deprecate")
    assert writes(lab) == ["EnableImageDeprecation"]
    again = retire(name=unique, action="deprecate")
    assert writes(lab) == []
    disabled = retire(name=unique, action="disable")
    assert writes(lab) == ["DisableImage"]

    assert (done(deprecated)[old.id], done(disabled)[old.id]) == ("deprecated", "disabled")
    assert (again["changed"], reasons(again)[old.id]) == (False, "it is deprecated already")
    (found,) = account.described([old.id])
    time = datetime.fromisoformat(found["DeprecationTime"])
    assert abs((time - datetime.now(UTC)).total_seconds()) < 300
    assert found["State"] == "disabled"
    assert retire(name=unique, action="deregister")["changed"]
    assert account.there(old) == [False]


def test_protected_and_young_images_stay(account: Account, retire: Retire, lab: Lab, unique: str) -> None:
    protected, young, _new = (account.image(unique) for _ in range(3))
    account.ec2.enable_image_deregistration_protection(ImageId=protected.id)

    result = retire(name=unique, action="deregister", older_than=3600)

    assert not result["changed"]
    assert reasons(result)[protected.id] == "it is protected from deregistration"
    assert reasons(result)[young.id] == "it is not older than 1 hour"
    # Nothing goes, so that nobody is asked what uses it.
    assert [call["action"] for call in lab.calls()] == ["DescribeImages"]


def test_images_are_found_by_filters_and_as_many_stay_as_asked_for(
    account: Account, retire: Retire, unique: str
) -> None:
    oldest, old, new = (account.image("", team=unique) for _ in range(3))
    result = retire(filters={"tag:team": unique}, action="deregister", keep=2)
    assert set(done(result)) == {oldest.id, old.id, new.id}
    assert list(done(result).values()).count("deregistered") == 1
    assert account.there(oldest, old, new).count(False) == 1


def test_image_that_aws_does_not_let_go_is_reported_and_the_others_go(
    account: Account, retire: Retire, lab: Lab, unique: str
) -> None:
    held, free, _new = (account.image(unique) for _ in range(3))
    lab.order(Fault("DeregisterImage", code="UnauthorizedOperation", match={"ImageId": held.id}))

    result = retire(name=unique, action="deregister")

    assert (result["rc"], result["changed"]) == (1, True)
    assert done(result)[held.id] == "failed"
    assert result["msg"].startswith(f"could not deregister 1 of 2: {held.id}: cannot deregister the image: ")
    assert "the permission ec2:DeregisterImage is missing" in reasons(result)[held.id]
    assert account.there(held, free) == [True, False]
    (snapshot,) = account.ec2.describe_snapshots(SnapshotIds=[held.snapshot])["Snapshots"]
    assert {"Key": "goldsmith:state", "Value": "published"} in snapshot["Tags"]


def test_snapshot_of_a_lifecycle_that_is_killed_goes_with_the_next_sweep(
    account: Account,
    retire: Retire,
    lab: Lab,
    run_module: RunModule,
    start_module: Callable[..., subprocess.Popen[str]],
    unique: str,
) -> None:
    old, new = account.image(unique), account.image(unique)
    lab.order(Fault("DeregisterImage", "hold"))

    process = start_module("ec2_ami_lifecycle", {"name": unique, "action": "deregister"}, environ=lab.environment)
    assert lab.wait_held()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lab.clear_faults()
    result = run_module("ec2_sweep", environ=lab.environment)

    assert [(one["kind"], one["id"]) for one in result["removed"]] == [("snapshot", old.snapshot)]
    assert account.there(old, new) == [False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "web", "keep": 0}, "keep is 0, but at least one image of each series stays"),
        ({}, "filters are empty: name at least one"),
    ],
)
def test_what_would_take_too_much_is_refused(retire: Retire, options: dict[str, Any], message: str) -> None:
    result = retire(action="deregister", **options)
    assert (result["rc"], message in result["msg"]) == (1, True)


def test_use_that_cannot_be_looked_up_stops_it_all(account: Account, retire: Retire, lab: Lab, unique: str) -> None:
    old, new = account.image(unique), account.image(unique)
    lab.order(Fault("DescribeLaunchConfigurations", code="AccessDenied"))

    result = retire(name=unique, action="deregister")

    assert result["rc"] == 1
    assert result["msg"].startswith("cannot look for launch configurations: the permission ")
    assert account.there(old, new) == [True, True]


def test_just_the_images_that_are_named_are_retired_and_one_that_is_used_is_disabled_but_not_removed(
    account: Account, retire: Retire, unique: str
) -> None:
    used, newest = account.image(unique), account.image(unique)
    account.start(used.id)
    assert done(retire(ids=[used.id], action="disable")) == {used.id: "disabled"}
    assert [image["State"] for image in account.described([used.id, newest.id])].count("disabled") == 1
    kept = retire(ids=[used.id], action="deregister")
    assert done(kept) == {used.id: "kept"}
    assert reasons(kept)[used.id].startswith("it is used by instance")
    assert done(retire(ids=[newest.id], action="deregister")) == {newest.id: "deregistered"}
    assert account.there(used, newest) == [True, False]
    assert retire(ids=[newest.id], action="deregister")["images"] == []
