"""What os_cleanup removed is looked for in every build that has it as a layer."""

from __future__ import annotations

import pytest

from goldsmith.lab import Lab

from .account import client
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

CLEANUP = {"role": "goldsmith.images.os_cleanup"}
TASKS = {"tasks": "tasks.yml"}


def test_what_a_layer_leaves_behind_after_the_cleanup_fails_the_build_and_is_named_beside_the_own_tests(
    goldsmith: Cli, write_spec: SpecWriter
) -> None:
    own = {"own.yaml": "user: {'{{ .Vars.name }}': {exists: true}}", "more.yaml": "user: {daemon: {exists: true}}"}
    spec = write_spec(
        "- ansible.builtin.copy: {content: command, dest: /root/.bash_history}",
        files=own,
        tests=[{"goss": "own.yaml", "vars": {"name": "root"}}, {"goss": "more.yaml"}],
        layers=[CLEANUP, TASKS],
    )
    result = goldsmith.build(spec, code=1)
    assert result["failure"]["phase"] == "validate"
    assert "own.yaml and hygiene.goss.yaml failed" in result["failure"]["message"]
    assert "hygiene: no histories" in result["failure"]["message"]
    assert "/root/.bash_history" in result["failure"]["message"]
    rows = {row["name"]: row["outcome"] for row in result["tests"]}
    assert len(rows) == len(result["tests"])
    assert rows["user/root exists"] == rows["user/daemon exists"] == "passed"
    assert [name for name, outcome in rows.items() if outcome == "failed"] == ["command/hygiene: no histories stdout"]


def test_a_layer_after_the_cleanup_may_restart_the_machine_whose_key_is_gone_at_the_end(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec("- ansible.builtin.reboot: {reboot_timeout: 60}", layers=[CLEANUP, TASKS])
    result = goldsmith.build(spec)
    rows = [row["name"] for row in result["tests"]]
    assert {
        "command/hygiene: no key of the build is let in stdout",
        "command/hygiene: the machine-id is empty stdout",
        "command/hygiene: no host keys, random seeds and leases stdout",
    } <= {*rows}
    assert len(rows) == len({*rows}) and {row["outcome"] for row in result["tests"]} == {"passed"}
    assert client(account.environment).describe_images(ImageIds=[result["artifact"]["id"]])["Images"]
