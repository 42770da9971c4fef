"""Whatever single call of the API goes wrong, a build is repeated, refused or swept: nothing is left in the account.

The spec asks for everything that is a call of its own. The cases of the whole matrix follow from the calls that a build
makes here and now, so that a new call has its case by itself. The everyday builds with a call that is refused are where
the reason is told: RunInstances and CreateImage in `test_ec2_trouble`, the machine that verifies and TerminateInstances in
`test_ec2_build`, CopyImage in `test_ec2_resume`.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

SPEC = {
    "layers": None,
    "targets": {
        "ec2": {
            "region": "eu-west-1",
            "root_volume": {"encrypted": False},
            "copy_to": ["eu-central-1"],
            "share_with": {"accounts": ["111122223333"]},
            "ssm_parameter": "/images/web",
            "deprecate_after": "180d",
        }
    },
}


ACTIONS = {
    "GetCallerIdentity",
    "DescribeImages",
    "CreateSecurityGroup",
    "ImportKeyPair",
    "AuthorizeSecurityGroupIngress",
    "RunInstances",
    "DescribeInstances",
    "StopInstances",
    "CreateImage",
    "GetParameter",
    "DescribeImageAttribute",
    "ModifyImageAttribute",
    "CopyImage",
    "EnableImageDeprecation",
    "PutParameter",
    "CreateTags",
    "DescribeTags",
    "TerminateInstances",
    "DeleteSecurityGroup",
    "DeleteKeyPair",
}
"""What such a build calls."""
AFTER_A_LOSS = {"DescribeSecurityGroups", "DescribeKeyPairs", "DeleteVolume", "DeleteNetworkInterface"}
"""What it may call besides, to find what a call has done whose answer was lost."""

Call = tuple[str, int]
"""An action, and which of its calls in the build."""

_recorded: list[Call] = []


@pytest.fixture
def calls(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> list[Call]:
    """The calls of a build in order; a poll that is repeated is one."""
    if not _recorded:
        goldsmith.build(write_ami_spec(**SPEC))
        made = [call["action"] for call in account.calls()]
        counts: Counter[str] = Counter()
        for number, action in enumerate(made):
            counts[action] += 1
            if made[number - 1 : number] != [action]:
                _recorded.append((action, counts[action]))
    return _recorded


def looks(action: str) -> bool:
    """Whether a call changes nothing."""
    return action.startswith(("Describe", "Get"))


def test_every_call_may_be_throttled_and_every_answer_lost_and_nothing_is_made_twice(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    before = resources(account.environment)
    for action in ACTIONS:
        for number in range(1, 60, 3):
            account.order(Fault.throttled(action, number, number))
            account.order(Fault(action, "lost", first=number + 1, last=number + 1))
    account.clear_calls()
    result = goldsmith.build(write_ami_spec(**SPEC))
    account.clear_faults()
    assert result["status"] == "built"
    for fault in ("error", "lost"):
        assert {call["action"] for call in account.calls() if call["fault"] == fault} == ACTIONS
    assert {call["action"] for call in account.calls()} <= ACTIONS | AFTER_A_LOSS
    made = only_new(before, resources(account.environment))
    assert made["eu-west-1"]["images"] == [result["artifact"]["id"]]
    assert len(made["eu-central-1"]["images"]) == 1
    assert {kind for region in made.values() for kind in region} <= {"images", "snapshots", "parameters"}


class Builds:
    """Builds with one call that goes wrong, of a home and an account that they share."""

    def __init__(self, goldsmith: Cli, account: Lab, spec: Path) -> None:
        self._goldsmith = goldsmith
        self._account = account
        self._spec = spec

    def refused(self, action: str, number: int) -> None:
        """Build with a call that is refused: the build says so, and leaves a good image or nothing."""
        account = self._account
        account.clear_faults()
        before = resources(account.environment)
        account.order(Fault(action, "error", "UnauthorizedOperation", first=number, last=number))
        done = self._goldsmith("build", "--force", self._spec, "--json", code=None)
        account.clear_faults()
        result = _result(done.stdout)
        if action == "GetCallerIdentity":
            assert done.returncode == 3
        elif done.returncode == 0:  # what only cleans up, or looks, is tried again
            assert action.startswith(("Describe", "Terminate", "Delete")), done.stdout
        else:
            assert done.returncode == 1
            assert action in json.dumps(result["failure"]), result["failure"]
        left = only_new(before, resources(account.environment))
        _expect_only_a_good_image(result, left)

    def killed(self, action: str, number: int) -> None:
        """Kill a build when a call is done, before it has the answer, and sweep: nothing unfinished is left."""
        account = self._account
        account.clear_faults()
        before = resources(account.environment)
        account.order(Fault(action, "hold", first=number, last=number))
        runner = self._goldsmith.start("build", "--force", self._spec)
        try:
            assert account.wait_held(300), "the call was not made"
        finally:
            runner.send_signal(signal.SIGKILL)
            runner.communicate()
        self._goldsmith("sweep")
        account.clear_faults()
        left = only_new(before, resources(account.environment))
        assert not left or _is_published(account, left), left
        for build in self._goldsmith.home.glob("builds/*"):
            assert list(Path("/dev/shm").glob(f"goldsmith-{build.name}*")) == []


@pytest.fixture
def builds(goldsmith: Cli, account: Lab, write_ami_spec: SpecWriter) -> Builds:
    return Builds(goldsmith, account, write_ami_spec(**SPEC))


@pytest.mark.parametrize("action", ["RunInstances", "CopyImage"])
def test_the_runner_may_be_killed_after_a_change_and_a_sweep_leaves_nothing(builds: Builds, action: str) -> None:
    builds.killed(action, 1)


@pytest.mark.exhaustive
class TestEveryCall:
    def test_every_call_may_be_refused_and_nothing_stays(
        self, builds: Builds, calls: list[Call], subtests: pytest.Subtests
    ) -> None:
        # A look that is refused is dealt with alike wherever it is.
        for action, number in [(action, number) for action, number in calls if number == 1 or not looks(action)]:
            with subtests.test(f"{action} {number}"):
                builds.refused(action, number)

    def test_the_runner_may_be_killed_after_every_change_and_a_sweep_leaves_nothing(
        self, builds: Builds, calls: list[Call], subtests: pytest.Subtests
    ) -> None:
        # After a look there is what there was before it.
        for action, number in [(action, number) for action, number in calls if not looks(action)]:
            with subtests.test(f"{action} {number}"):
                builds.killed(action, number)


def _result(text: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in text.splitlines()]
    return next((line for line in lines if line["kind"] == "result"), {})


def _is_published(account: Lab, left: dict[str, Any]) -> bool:
    """Whether all that is left is an image that was published as a whole: the build had only its machine to release."""
    for region, things in left.items():
        found = client(account.environment, region=region).describe_images(ImageIds=things["images"])["Images"]
        states = {tag["Value"] for image in found for tag in image["Tags"] if tag["Key"] == "goldsmith:state"}
        if states != {"published"} or set(things) - {"images", "snapshots", "parameters"}:
            return False
    return True


def _expect_only_a_good_image(result: dict[str, Any], left: dict[str, Any]) -> None:
    """An image that is good stays, published or not; nothing else does."""
    kinds = {(region, kind) for region, things in left.items() for kind in things}
    if result.get("artifact"):
        assert left["eu-west-1"]["images"] == [result["artifact"]["id"]]
        kinds -= {(region, kind) for region in left for kind in ("images", "snapshots", "parameters")}
    assert kinds == set(), left
