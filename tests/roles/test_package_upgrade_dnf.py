"""package_upgrade with dnf 4, which Debian has too: on no system of the Red Hat family, and with the real tool all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.conftest import Machines
    from tests.roles.outdated import Outdated

pytest_plugins = ["tests.roles.dnf", "tests.roles.outdated"]
pytestmark = [pytest.mark.docker, pytest.mark.network]


@pytest.fixture
def machine(dnf_image: str, machines: Machines) -> Outdated:
    from tests.roles.outdated import start

    return start(machines, dnf_image)


def test_what_is_foretold_is_done_and_told_with_advisories_and_then_nothing_is_left(machine: Outdated) -> None:
    machine.sh("echo weight=mine >/etc/goldbar.conf")
    options = {"manager": "dnf", "exclude": ["goldv*"]}
    foretold = machine.upgrade(check=True, **options)
    assert machine.sh("rpm -q goldbar") == "goldbar-1.0-1.noarch"
    done = machine.upgrade(**options)
    assert {name: foretold[name] for name in foretold if name != "kept_files"} == {
        name: done[name] for name in done if name != "kept_files"
    }
    assert [(one["name"], one["from"], one["to"]) for one in done["upgraded"]] == [
        ("goldbar", "1:1.0-1", "1:2.0-1"),
        ("goldcoin", "1.0-1", "1.1-1"),
    ]
    assert [one["name"] for one in done["installed"] + done["removed"]] == ["goldsmelter", "goldleaf"]
    assert [one["cve"] for one in done["cves"]["fixed"]] == ["CVE-2026-0001"] and done["cves"]["remaining"] == []
    assert (done["held_back"], done["kept_files"]) == (["goldvault"], ["/etc/goldbar.conf"])
    assert not machine.upgrade(**options)["changed"]


def test_security_updates_come_alone(machine: Outdated) -> None:
    assert [one["name"] for one in machine.upgrade(manager="dnf", mode="security")["upgraded"]] == ["goldcoin"]


def test_a_snapshot_is_of_the_distributions_own_repositories_and_holds_stay(machine: Outdated) -> None:
    machine.sh("sed -i 's#enabled=0#enabled=1#; s#srv/baseos#srv/gone#' /etc/yum.repos.d/gold.repo")
    refused = machine.upgrade(manager="dnf", retries=0)
    assert "the repositories cannot be read" in refused["msg"] and "/srv/gone" in refused["msg"]
    snapshot = {"snapshot_date": "20260131", "snapshot_url": "file:///srv/snapshot/{day}/{repo}"}
    done = machine.upgrade(manager="dnf", mode="snapshot", hold=["goldvault"], **snapshot)
    assert [(one["name"], one["to"]) for one in done["upgraded"]] == [("goldcoin", "1.1-1")]
    assert (done["left_out"], done["held"]) == (["epel"], ["goldvault"])
    assert "goldvault" in machine.sh("cat /etc/dnf/plugins/versionlock.list")


def test_the_role_takes_dnf_where_the_system_calls_itself_rocky_linux(machine: Outdated) -> None:
    machine.sh(
        "rm /etc/debian_version /etc/os-release; echo 'Rocky Linux release 9.4 (Blue Onyx)' >/etc/redhat-release"
    )
    machine.sh('printf \'NAME="Rocky Linux"\nID=rocky\nVERSION_ID="9.4"\n\' >/etc/os-release')
    play = machine.play("os_patching", os_patching_mode="security")
    assert play.ok, play
    report = play.facts["os_patching_report"]
    assert [one["name"] for one in report["upgraded"]] == ["goldcoin"]
    assert [one["cve"] for one in report["cves"]["fixed"]] == ["CVE-2026-0001"]
