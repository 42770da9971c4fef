"""`ec2_ami` on machines of the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

Run = Callable[..., dict[str, Any]]
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def ec2(lab_client: Callable[..., Any]) -> Any:
    return lab_client()


def state_of(ec2: Any, instance: str) -> str:
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


@pytest.fixture
def running(ec2: Any, lab_launch: Callable[..., str]) -> Iterator[str]:
    instance = lab_launch()
    yield instance
    ec2.terminate_instances(InstanceIds=[instance])


@pytest.fixture(scope="module")
def stopped(lab_launch: Callable[..., str]) -> str:
    """An instance that is captured again and again."""
    return lab_launch("stopped")


@pytest.fixture(autouse=True)
def _clean(lab: Lab) -> Iterator[None]:
    lab.clear_calls()
    yield
    lab.clear_faults()
    lab.set_delays(image=0, stop=0)


@pytest.fixture
def capture(run_in_lab: Run, build_id: str) -> Run:
    """Run the module with all that it needs but the instance."""

    def run(instance: str, **options: Any) -> dict[str, Any]:
        wanted = {"build_id": build_id, "image_name": "web", "version": "7", "name": f"web-7-{build_id}", **options}
        return run_in_lab("ec2_ami", instance_id=instance, **wanted)

    return run


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def images_of(ec2: Any, build_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:goldsmith:build", "Values": [build_id]}])
    return list(found["Images"])


def snapshots_of(ec2: Any, build_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:goldsmith:build", "Values": [build_id]}])
    return list(found["Snapshots"])


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def test_a_running_instance_is_stopped_and_becomes_an_available_image(
    lab: Lab, ec2: Any, running: str, capture: Run, build_id: str
) -> None:
    lab.clear_calls()
    started = datetime.now(UTC)

    result = capture(
        running,
        source="ami-0a1b2c3d",
        user="admin",
        description="A web server",
        tags={"team": "web", "n": 1},
        marks={"fingerprint": "f00"},
    )

    assert result["changed"], result
    calls = actions(lab)
    assert len(calls) <= 8, calls
    image = result["image"]
    assert (image["state"], image["progress"], image["region"]) == ("available", 100, "eu-west-1")
    assert (image["name"], image["size"], image["root_device"]) == (f"web-7-{build_id}", 8 * 2**30, "/dev/xvda")
    assert state_of(ec2, running) == "stopped"
    (described,) = images_of(ec2, build_id)
    assert (described["ImageId"], described["Description"]) == (image["id"], "A web server")
    (snapshot,) = snapshots_of(ec2, build_id)
    assert image["snapshots"] == [snapshot["SnapshotId"]]
    tags = tags_of(described)
    assert tags == tags_of(snapshot) == image["tags"]
    expires = datetime.fromisoformat(tags.pop("goldsmith:expires"))
    assert timedelta(hours=5, minutes=55) < expires - started < timedelta(hours=6, minutes=5)
    assert tags == {
        "Name": f"web-7-{build_id}",
        "team": "web",
        "n": "1",
        "goldsmith:build": build_id,
        "goldsmith:name": "web",
        "goldsmith:version": "7",
        "goldsmith:role": "artifact",
        "goldsmith:state": "candidate",
        "goldsmith:source": "ami-0a1b2c3d",
        "goldsmith:user": "admin",
        "goldsmith:fingerprint": "f00",
    }


def test_an_instance_that_is_not_needed_any_more_is_terminated_and_not_waited_for(
    lab: Lab, ec2: Any, running: str, capture: Run
) -> None:
    lab.clear_calls()
    result = capture(running, stop=False, terminate=True)

    assert result["image"]["state"] == "available", result
    assert actions(lab)[-1] == "TerminateInstances"
    assert state_of(ec2, running) in ("shutting-down", "terminated")
    assert not capture(running, stop=False, terminate=True)["changed"]


def test_an_instance_that_shall_go_on_is_not_stopped(ec2: Any, running: str, capture: Run) -> None:
    result = capture(running, stop=False)

    assert result["image"]["state"] == "available", result
    assert state_of(ec2, running) == "running"


def test_a_spot_instance_which_cannot_be_stopped_is_captured_all_the_same(
    lab: Lab, ec2: Any, running: str, capture: Run
) -> None:
    lab.order(Fault("StopInstances", "error", "UnsupportedOperation"))

    result = capture(running)

    assert result["image"]["state"] == "available", result
    (created,) = [call for call in lab.calls() if call["action"] == "CreateImage"]
    assert created["parameters"]["NoReboot"] == "false"


def test_a_build_makes_one_image_however_often_it_is_asked(lab: Lab, ec2: Any, stopped: str, capture: Run) -> None:
    first = capture(stopped)
    lab.clear_calls()

    second = capture(stopped)

    assert (first["changed"], second["changed"]) == (True, False)
    assert second["image"] == first["image"]
    assert actions(lab) == ["DescribeImages"]


def test_an_image_whose_answer_was_lost_is_known_as_the_build_s_own(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    lab.order(Fault("CreateImage", "lost", last=1))

    result = capture(stopped)

    assert result["changed"], result
    assert [image["ImageId"] for image in images_of(ec2, build_id)] == [result["image"]["id"]]


def test_check_mode_makes_nothing_and_says_what_it_would_make(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    result = capture(stopped, check=True)

    assert result["changed"], result
    assert (result["image"]["id"], result["image"]["state"]) == ("", "absent")
    assert result["diff"]["before"] == {"image": None}
    assert result["diff"]["after"]["image"]["tags"]["goldsmith:build"] == build_id
    assert actions(lab) == ["DescribeImages"]


def test_it_returns_when_its_time_is_up_and_goes_on_when_run_again(
    lab: Lab, ec2: Any, running: str, capture: Run, until: Until
) -> None:
    lab.set_delays(stop=2, image=2)

    stopping = capture(running, wait=0)
    assert (stopping["image"]["state"], stopping["image"]["id"], stopping["changed"]) == ("stopping", "", True), (
        stopping
    )
    lab.set_delays(stop=0)
    until(lambda: state_of(ec2, running) == "stopped")
    pending = capture(running, wait=0)
    assert (pending["image"]["state"], pending["changed"]) == ("pending", True), pending
    assert 0 <= pending["image"]["progress"] < 100
    complete = capture(running)

    assert complete["image"]["state"] == "available", complete
    assert complete["image"]["id"] == pending["image"]["id"]
    assert not complete["changed"]


def test_an_image_that_fails_is_told_and_taken_away(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    lab.order(Fault("CreateImage", "fails"))

    result = capture(stopped)

    assert result["failed"]
    assert "in eu-west-1 has failed: Client.InternalError: An internal error" in result["msg"]
    assert "It was deregistered. Build again." in result["msg"]
    assert images_of(ec2, build_id) == snapshots_of(ec2, build_id) == []
    lab.clear_faults()
    assert capture(stopped)["image"]["state"] == "available"


def test_an_image_that_has_failed_since_the_last_run_is_told_and_taken_away(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str, until: Until
) -> None:
    lab.order(Fault("CreateImage", "fails"))
    lab.set_delays(image=0.5)
    assert capture(stopped, wait=0)["image"]["state"] == "pending"
    until(lambda: images_of(ec2, build_id)[0]["State"] == "failed")

    result = capture(stopped)

    assert "has failed: Client.InternalError" in result["msg"]
    assert images_of(ec2, build_id) == snapshots_of(ec2, build_id) == []


def test_a_name_that_somebody_else_s_image_has_is_refused_with_the_way_out(
    ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    foreign = ec2.create_image(InstanceId=stopped, Name=f"taken-{build_id}")["ImageId"]
    assert "image" in capture(stopped)

    result = capture(stopped, build_id=f"{build_id}-2", name=f"taken-{build_id}")
    other = capture(stopped, build_id=f"{build_id}-2")

    assert f"already, {foreign}: Goldsmith did not make it. EC2 allows a name once" in result["msg"]
    assert f"it is of the build {build_id}. EC2 allows a name once" in other["msg"]
    assert "have the version or the build's id in the image's name" in other["msg"]


def test_throttling_is_waited_out(lab: Lab, stopped: str, capture: Run) -> None:
    lab.order(Fault.throttled("CreateImage", last=2))

    assert capture(stopped)["image"]["state"] == "available"


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("StopInstances", "cannot stop the instance: the permission ec2:StopInstances is missing"),
        ("CreateImage", "cannot create the image: the permission ec2:CreateImage is missing"),
    ],
)
def test_a_missing_permission_is_named(lab: Lab, stopped: str, capture: Run, action: str, said: str) -> None:
    lab.order(Fault(action, "error", "UnauthorizedOperation"))

    assert said in capture(stopped)["msg"]


def test_an_instance_that_is_gone_is_said_to_be(capture: Run) -> None:
    assert "there is no instance i-00000000000000000 in eu-west-1 any more" in capture("i-00000000000000000")["msg"]


def test_the_image_of_a_build_that_failed_goes_with_its_snapshots(
    lab: Lab, ec2: Any, run_in_lab: Run, stopped: str, capture: Run, build_id: str
) -> None:
    image = capture(stopped)["image"]
    names = [image["id"], *image["snapshots"]]
    checked = run_in_lab("ec2_ami", check=True, state="absent", build_id=build_id)
    assert images_of(ec2, build_id)
    removed = run_in_lab("ec2_ami", state="absent", build_id=build_id)
    lab.clear_calls()
    again = run_in_lab("ec2_ami", state="absent", build_id=build_id)
    calls = actions(lab)

    assert checked["changed"] and checked["removed"] == names
    assert removed["changed"] and removed["removed"] == names
    assert images_of(ec2, build_id) == snapshots_of(ec2, build_id) == []
    assert not again["changed"] and again["removed"] == []
    assert calls == ["DescribeTags"]


def test_a_good_image_goes_only_by_its_own_id(
    ec2: Any, run_in_lab: Run, stopped: str, capture: Run, build_id: str
) -> None:
    image = capture(stopped)["image"]
    names = [image["id"], *image["snapshots"]]
    ec2.create_tags(Resources=names, Tags=[{"Key": "goldsmith:state", "Value": "verified"}])

    kept = run_in_lab("ec2_ami", state="absent", build_id=build_id)
    assert not kept["changed"] and images_of(ec2, build_id)
    removed = run_in_lab("ec2_ami", state="absent", id=image["id"])

    assert removed["removed"] == names
    assert images_of(ec2, build_id) == snapshots_of(ec2, build_id) == []
    assert not run_in_lab("ec2_ami", state="absent", id=image["id"])["changed"]


def test_what_create_image_cannot_set_is_registered_from_snapshots(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    wish = {"boot_mode": "uefi", "tpm": "v2.0", "imds": "v2.0", "description": "A web server"}

    result = capture(stopped, **wish)
    calls = actions(lab)
    again = capture(stopped, **wish)

    assert result["changed"] and result["image"]["state"] == "available", result
    assert "CreateImage" not in calls
    (image,) = images_of(ec2, build_id)
    assert (image["BootMode"], image["TpmSupport"], image["ImdsSupport"]) == ("uefi", "v2.0", "v2.0")
    assert (image["Architecture"], image["Description"]) == ("x86_64", "A web server")
    assert result["image"]["snapshots"] == [one["SnapshotId"] for one in snapshots_of(ec2, build_id)]
    assert result["image"]["tags"]["goldsmith:state"] == "candidate"
    assert not again["changed"] and again["image"] == result["image"]


def test_of_snapshots_whose_answer_was_lost_one_set_is_left(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    lab.order(Fault("CreateSnapshots", "lost", last=1))
    lab.order(Fault("RegisterImage", "lost", last=1))

    result = capture(stopped, boot_mode="uefi")

    assert result["image"]["state"] == "available", result
    assert [image["ImageId"] for image in images_of(ec2, build_id)] == [result["image"]["id"]]
    assert [one["SnapshotId"] for one in snapshots_of(ec2, build_id)] == result["image"]["snapshots"]


def test_snapshots_that_an_earlier_run_has_taken_are_registered(
    lab: Lab, ec2: Any, stopped: str, capture: Run, build_id: str
) -> None:
    lab.set_delays(image=1.5)

    pending = capture(stopped, wait=0, boot_mode="uefi")
    complete = capture(stopped, boot_mode="uefi")

    assert (pending["image"]["state"], pending["image"]["id"], pending["changed"]) == ("pending", "", True), pending
    assert complete["changed"] and complete["image"]["state"] == "available", complete
    assert actions(lab).count("CreateSnapshots") == 1


def test_metadata_tokens_alone_need_no_registration(lab: Lab, ec2: Any, stopped: str, capture: Run) -> None:
    result = capture(stopped, imds="v2.0")
    lab.clear_calls()
    again = capture(stopped, imds="v2.0")

    assert result["image"]["imds"] == "v2.0", result
    assert not again["changed"]
    assert actions(lab) == ["DescribeImages"]


def test_a_tpm_that_no_machine_would_have_is_refused_before_anything_is_done(
    lab: Lab, stopped: str, capture: Run
) -> None:
    assert "tpm v2.0 needs boot_mode: uefi" in capture(stopped, tpm="v2.0")["msg"]
    assert actions(lab) == []
