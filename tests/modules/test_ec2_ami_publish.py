"""`ec2_ami_publish` on images of the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

Run = Callable[..., dict[str, Any]]

ACCOUNT = "111122223333"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5"
HOME, FAR, FARTHER = "eu-west-1", "eu-central-1", "us-east-1"


@pytest.fixture(scope="module")
def in_region(lab_client: Callable[..., Any]) -> Callable[..., Any]:
    """EC2's, or another service's, client of a region."""
    clients: dict[tuple[str, str], Any] = {}

    def client(region: str = HOME, service: str = "ec2") -> Any:
        key = (service, region)
        if key not in clients:
            clients[key] = lab_client(*key)
        return clients[key]

    return client


@pytest.fixture(autouse=True)
def _clean(lab: Lab) -> Iterator[None]:
    yield
    lab.clear_faults()
    lab.set_delays(copy=0)


@pytest.fixture(scope="module")
def stopped(lab_launch: Callable[..., str]) -> str:
    return lab_launch("stopped")


@pytest.fixture
def image(lab: Lab, in_region: Callable[..., Any], stopped: str, build_id: str, until: Callable[..., None]) -> str:
    """Id of a build's image, a candidate."""
    ec2 = in_region()
    tags = {"build": build_id, "role": "artifact", "state": "candidate", "expires": "2026-11-22T16:00:00Z"}
    given = [{"Key": f"goldsmith:{key}", "Value": value} for key, value in tags.items()]
    kinds = [
        {"ResourceType": kind, "Tags": [*given, {"Key": "team", "Value": "web"}]} for kind in ("image", "snapshot")
    ]
    name = f"web-7-{build_id}"
    made = ec2.create_image(InstanceId=stopped, Name=name, Description="A web server", TagSpecifications=kinds)[
        "ImageId"
    ]
    until(lambda: described(ec2, made)["State"] == "available")
    lab.clear_calls()
    return str(made)


@pytest.fixture
def publish(run_in_lab: Run, build_id: str, image: str) -> Run:
    """Run the module for the image."""

    def run(**options: Any) -> dict[str, Any]:
        return run_in_lab("ec2_ami_publish", **{"image": image, "build_id": build_id, **options})

    return run


def described(ec2: Any, image: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_images(ImageIds=[image])["Images"][0]
    return found


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def images_of(ec2: Any, build_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:goldsmith:build", "Values": [build_id]}])
    return list(found["Images"])


def snapshots_of(ec2: Any, build_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:goldsmith:build", "Values": [build_id]}])
    return list(found["Snapshots"])


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def steps_of(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(step["region"], step["step"]) for step in result["steps"]}


def test_copies_are_begun_while_the_image_is_tested_and_go_with_it_when_it_is_no_good(
    lab: Lab, in_region: Callable[..., Any], run_in_lab: Run, publish: Run, build_id: str
) -> None:
    lab.set_delays(copy=60)
    wish = {"copy_to": [{"region": FAR}], "share_with": {"accounts": [ACCOUNT]}}

    begun = publish(**wish, begin=True)

    assert (begun["published"], steps_of(begun)) == (False, {(FAR, "copy")}), begun
    [copy] = images_of(in_region(FAR), build_id)
    assert (copy["State"], tags_of(copy)["goldsmith:state"]) == ("pending", "candidate")
    assert not publish(**wish, begin=True)["changed"]
    assert "ModifyImageAttribute" not in actions(lab)
    removed = run_in_lab("ec2_ami", state="absent", build_id=build_id, copied_to=[FAR])["removed"]
    assert copy["ImageId"] in removed
    assert images_of(in_region(FAR), build_id) == images_of(in_region(), build_id) == []


def test_an_image_that_goes_nowhere_is_published_by_a_single_call(
    lab: Lab, in_region: Callable[..., Any], run_in_lab: Run, publish: Run, image: str, build_id: str
) -> None:
    known = {"instance_id": "i-0", "build_id": build_id, "image_name": "web", "version": "7", "name": "web"}
    captured = run_in_lab("ec2_ami", **known)["image"]
    lab.clear_calls()

    result = publish(known=captured)
    calls = actions(lab)
    captured = run_in_lab("ec2_ami", **known)["image"]
    lab.clear_calls()
    again = publish(known=captured)
    calls_again = actions(lab)

    assert result["changed"] and result["published"], result
    assert calls == ["CreateTags"]
    (snapshot,) = snapshots_of(in_region(), build_id)
    tags = tags_of(described(in_region(), image))
    assert tags == tags_of(snapshot)
    assert (tags["goldsmith:state"], tags["goldsmith:expires"], tags["team"]) == ("published", "never", "web")
    assert result["images"] == {
        HOME: {"id": image, "snapshots": [snapshot["SnapshotId"]], "state": "available", "progress": 100}
    }
    assert again["published"] and not again["changed"] and again["steps"] == []
    assert calls_again == []


@pytest.mark.parametrize("known", [{"state": "available", "region": HOME}, {"id": "ami-00000000", "tags": {}}])
def test_what_is_not_wholly_known_of_the_image_is_asked(
    lab: Lab, publish: Run, image: str, known: dict[str, Any]
) -> None:
    result = publish(known={"id": image, **known})

    assert result["published"], result
    assert actions(lab) == ["DescribeImages", "CreateTags"]


def test_an_image_is_copied_shared_deprecated_protected_and_announced_once(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, build_id: str
) -> None:
    key = in_region(FARTHER, "kms").create_key()["KeyMetadata"]["Arn"]
    time = datetime.now(UTC) + timedelta(days=180)
    wish = {
        "copy_to": [{"region": FAR}, {"region": FARTHER, "kms_key": key}],
        "share_with": {"accounts": [ACCOUNT], "organizations": [ORGANIZATION], "snapshots": True},
        "ssm_parameter": f"/images/{build_id}",
        "deprecate_at": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deregistration_protection": True,
        "tags": {"stage": "live"},
    }

    lab.clear_calls()
    checked = publish(check=True, **wish)
    assert not any(one["action"].startswith(("Create", "Copy", "Modify", "Enable", "Put")) for one in lab.calls())
    result = publish(**wish)
    again = publish(**wish)

    kinds = ["share", "share snapshot", "deprecate", "protect", "set parameter", "tag"]
    assert result["changed"] and result["published"], result
    assert steps_of(result) == {(one, kind) for one in (HOME, FAR, FARTHER) for kind in kinds} | {
        (FAR, "copy"),
        (FARTHER, "copy"),
    }
    # What a copy's snapshots will be is not known before there is one.
    assert steps_of(checked) == steps_of(result) - {(FAR, "share snapshot"), (FARTHER, "share snapshot")}
    assert again["published"] and not again["changed"] and again["steps"] == []
    assert set(result["images"]) == {HOME, FAR, FARTHER}
    for region, told in result["images"].items():
        ec2 = in_region(region)
        (found,) = images_of(ec2, build_id)
        (snapshot,) = snapshots_of(ec2, build_id)
        assert (found["ImageId"], [snapshot["SnapshotId"]]) == (told["id"], told["snapshots"])
        assert (found["Name"], found["Description"]) == (f"web-7-{build_id}", "A web server")
        assert snapshot["Encrypted"] == (region == FARTHER)
        assert snapshot.get("KmsKeyId") == (key if region == FARTHER else None)
        tags = tags_of(found)
        assert tags == tags_of(snapshot)
        assert (tags["goldsmith:state"], tags["team"], tags["stage"]) == ("published", "web", "live")
        launch = ec2.describe_image_attribute(ImageId=told["id"], Attribute="launchPermission")["LaunchPermissions"]
        assert launch == [{"OrganizationArn": ORGANIZATION}, {"UserId": ACCOUNT}]
        volumes = ec2.describe_snapshot_attribute(
            SnapshotId=snapshot["SnapshotId"], Attribute="createVolumePermission"
        )["CreateVolumePermissions"]
        assert volumes == [{"UserId": ACCOUNT}]
        assert abs(datetime.fromisoformat(found["DeprecationTime"]) - time) < timedelta(minutes=1)
        assert found["DeregistrationProtection"] == "enabled-without-cooldown"
        parameter = in_region(region, "ssm").get_parameter(Name=f"/images/{build_id}")["Parameter"]
        assert (parameter["Value"], parameter["DataType"]) == (told["id"], "aws:ec2:image")
        ec2.disable_image_deregistration_protection(ImageId=told["id"])


def test_copies_that_take_longer_are_finished_by_the_next_run(
    lab: Lab, in_region: Callable[..., Any], publish: Run, build_id: str
) -> None:
    lab.set_delays(copy=2)
    lab.order(Fault("CopyImage", "lost", last=1))
    wish = {"copy_to": [{"region": FAR}], "ssm_parameter": f"/images/{build_id}"}

    begun = publish(wait=0, **wish)
    (pending,) = images_of(in_region(FAR), build_id)
    ended = publish(**wish)

    assert begun["changed"] and not begun["published"], begun
    assert (begun["images"][FAR]["state"], begun["images"][FAR]["id"]) == ("pending", pending["ImageId"])
    assert 0 <= begun["images"][FAR]["progress"] < 100
    assert tags_of(pending)["goldsmith:state"] == "candidate"
    assert steps_of(begun) == {(FAR, "copy")}
    assert ended["published"], ended
    assert ended["images"][FAR]["id"] == pending["ImageId"]
    assert steps_of(ended) == {(one, kind) for one in (HOME, FAR) for kind in ("set parameter", "tag")}
    assert len(images_of(in_region(FAR), build_id)) == len(snapshots_of(in_region(FAR), build_id)) == 1


@pytest.mark.parametrize("action", ["CopyImage", "ModifyImageAttribute", "EnableImageDeprecation", "PutParameter"])
def test_what_has_failed_is_all_that_the_next_run_does_again(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, build_id: str, action: str
) -> None:
    wish = {
        "copy_to": [{"region": FAR}],
        "share_with": {"accounts": [ACCOUNT]},
        "ssm_parameter": f"/images/{build_id}",
        "deprecate_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    lab.order(Fault(action, "error", "UnauthorizedOperation", last=1))

    failed = publish(**wish)
    kept = tags_of(described(in_region(), image))
    lab.clear_faults()
    ended = publish(**wish)

    assert f"the permission {'ssm' if action == 'PutParameter' else 'ec2'}:{action} is missing" in failed["msg"], failed
    assert f"The image {image} in {HOME} is good and stays" in failed["msg"]
    assert failed["msg"].startswith((f"{HOME}: ", f"{FAR}: "))
    assert not failed["published"]
    assert (kept["goldsmith:state"], kept["goldsmith:expires"]) == ("verified", "never")
    assert ended["published"], ended
    assert not steps_of(failed) & steps_of(ended)
    assert tags_of(described(in_region(), image))["goldsmith:state"] == "published"
    assert len(images_of(in_region(FAR), build_id)) == 1


def test_a_copy_that_fails_is_taken_away_and_made_anew_by_the_next_run(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, build_id: str
) -> None:
    lab.order(Fault("CopyImage", "fails", last=1))

    failed = publish(copy_to=[{"region": FAR}])
    left = images_of(in_region(FAR), build_id) + snapshots_of(in_region(FAR), build_id)
    ended = publish(copy_to=[{"region": FAR}])

    assert f"in {FAR} has failed: Client.InternalError" in failed["msg"], failed
    assert left == []
    assert ended["published"], ended


def test_an_image_that_the_default_key_encrypts_is_not_shared_and_the_way_out_is_told(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, build_id: str, until: Callable[..., None]
) -> None:
    ec2 = in_region()
    encrypted = ec2.copy_image(
        Name=f"encrypted-{build_id}", SourceImageId=image, SourceRegion=HOME, Encrypted=True, CopyImageTags=True
    )["ImageId"]
    until(lambda: described(ec2, encrypted)["State"] == "available")
    lab.clear_calls()

    result = publish(image=encrypted, share_with={"accounts": [ACCOUNT]}, copy_to=[{"region": FAR}])

    assert "cannot share the image: it is encrypted with the account's default key (aws/ebs)" in result["msg"], result
    assert "root_volume.kms_key" in result["msg"] and "root_volume.encrypted: false" in result["msg"]
    assert "CopyImage" not in actions(lab)


def test_a_copy_that_could_not_be_shared_is_not_made(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, build_id: str, until: Callable[..., None]
) -> None:
    ec2 = in_region()
    key = in_region(HOME, "kms").create_key()["KeyMetadata"]["Arn"]
    encrypted = ec2.copy_image(
        Name=f"encrypted-{build_id}",
        SourceImageId=image,
        SourceRegion=HOME,
        Encrypted=True,
        KmsKeyId=key,
        CopyImageTags=True,
    )["ImageId"]
    until(lambda: described(ec2, encrypted)["State"] == "available")
    lab.clear_calls()

    result = publish(image=encrypted, share_with={"accounts": [ACCOUNT]}, copy_to=[{"region": FAR}])

    assert f"{FAR}: a copy for which no kms_key is given is encrypted with the account's default key" in result["msg"]
    assert "CopyImage" not in actions(lab)


def test_a_parameter_that_exists_keeps_its_data_type(in_region: Callable[..., Any], publish: Run, image: str) -> None:
    ssm = in_region(HOME, "ssm")
    ssm.put_parameter(Name="/images/old", Value="ami-00000000", Type="String", DataType="text")

    result = publish(ssm_parameter="/images/old")

    parameter = ssm.get_parameter(Name="/images/old")["Parameter"]
    assert result["published"], result
    assert (parameter["Value"], parameter["DataType"]) == (image, "text")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"share_with": {"accounts": [123]}}, "'123' is no account: it has 12 digits"),
        ({"deprecate_at": "2020-01-01T00:00:00Z"}, "2020-01-01T00:00:00Z is past"),
        ({"copy_to": [{"region": HOME, "kms_key": "alias/x"}]}, "have root_volume.kms_key encrypt it there"),
        ({"copy_to": [{"region": FAR}, {"region": FAR, "kms_key": "alias/x"}]}, f"names {FAR} twice"),
    ],
)
def test_what_nobody_could_mean_is_refused_and_the_image_is_kept(
    lab: Lab, in_region: Callable[..., Any], publish: Run, image: str, wish: dict[str, Any], said: str
) -> None:
    result = publish(**wish)

    assert said in result["msg"]
    assert actions(lab) == ["DescribeImages", "CreateTags"]
    assert tags_of(described(in_region(), image))["goldsmith:state"] == "verified"


def test_only_an_available_image_of_the_build_is_published(lab: Lab, publish: Run, image: str, build_id: str) -> None:
    absent = publish(image="ami-00000000")
    other = publish(build_id="20261122T070000-ffffffff")

    assert "there is no image ami-00000000 in eu-west-1" in absent["msg"]
    assert f"the image {image} is of the build {build_id}, not of 20261122T070000-ffffffff" in other["msg"]
    assert set(actions(lab)) == {"DescribeImages"}
