"""os_patching, against an archive that the test makes; what its module does by itself is tried in test_package_upgrade."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.conftest import Machines
    from tests.roles.outdated import Gold, Outdated

pytest_plugins = ["tests.roles.outdated"]
pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

UPGRADED = [{"name": name, "arch": "all", "from": "1.0", "to": "2.0"} for name in ("goldbar", "goldcoin", "goldvault")]


def advisories(directory: Path, release: str) -> str:
    """Write a security tracker's file, and return its path."""
    resolved = {"status": "resolved", "fixed_version": "1.1", "urgency": "high"}
    document = {
        "goldcoin": {"CVE-2026-0001": {"releases": {release: resolved}}},
        "goldbar": {"CVE-2026-0002": {"releases": {release: {"status": "open", "urgency": "low"}}}},
    }
    path = directory / "tracker.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_everything_is_upgraded_and_told_as_data_and_then_nothing_is_left(
    outdated: Outdated, debian: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # data on vulnerabilities is kept below it
    data = advisories(tmp_path, {"12": "bookworm", "13": "trixie"}[debian])
    number = int(outdated.sh("dpkg-query -W | wc -l"))
    first = outdated.play("os_patching", os_patching_cves=True, os_patching_cve_data=data)
    assert first.ok, first
    report = first.facts["os_patching_report"]
    cves = {state: [(row["cve"], row["source"]) for row in rows] for state, rows in report.pop("cves").items()}
    assert cves == {"fixed": [("CVE-2026-0001", "goldcoin")], "remaining": [("CVE-2026-0002", "goldbar")]}
    signed = outdated.sh("cd /var/lib/apt/lists; sha256sum *InRelease | cut -d' ' -f1").split()
    assert sorted(report.pop("indexes").values()) == sorted(signed) != []
    assert report == {
        "mode": "full",
        "before": number,
        "after": number,
        "upgraded": UPGRADED,
        "downgraded": [],
        "installed": [{"name": "goldsmelter", "arch": "all", "version": "1.5"}],
        "removed": [{"name": "goldleaf", "arch": "all", "version": "1.0"}],
        "held_back": [],
        "held": [],
        "kept_files": [],
        "left_out": [],
        "reboot": {"needed": False, "reasons": [], "done": False},
        "services": [],
    }
    assert outdated.fails("cat /var/log/goldvault"), "a service was started in a container that minds none"
    second = outdated.play("os_patching")
    assert (second.ok, second.changed) == (True, 0), second
    assert second.facts["os_patching_report"]["upgraded"] == []
    ran = [name for name, result in second.tasks.items() if not result.get("skipped")]
    assert len(ran) <= 5, ran


@on_one_debian
def test_check_mode_reports_what_would_be_done_and_does_nothing(outdated: Outdated) -> None:
    before = outdated.versions()
    play = outdated.play("os_patching", check=True)
    assert (play.ok, play.changed) == (True, 1), play
    assert play.facts["os_patching_report"]["upgraded"] == UPGRADED
    assert outdated.versions() == before


@on_one_debian
def test_mode_none_counts_and_leaves_everything(outdated: Outdated) -> None:
    before = outdated.versions()
    outdated.sh("cp /gold/debs/goldmint_3_all.deb /var/cache/apt/archives/; rm -r /etc/apt/sources.list")
    play = outdated.play("os_patching", os_patching_mode="none")
    assert (play.ok, play.changed) == (True, 0), play
    assert play.facts["os_patching_report"]["before"] == int(outdated.sh("dpkg-query -W | wc -l"))
    assert outdated.versions() == before


@on_one_debian
def test_the_variables_reach_what_they_are_for(outdated: Outdated, gold: Gold) -> None:
    outdated.sh(f"sed -i 's#{gold.url}#http://archive.invalid#' /etc/apt/sources.list")
    play = outdated.play(
        "os_patching",
        os_patching_mode="snapshot",
        os_patching_snapshot_date="2026-01-31",
        os_patching_snapshot_url="http://archive.invalid/snapshot/{date}/{archive}",
        os_patching_snapshot_downgrade=True,
        os_patching_proxy=gold.url,
        os_patching_hold=["goldbar"],
        os_patching_exclude=["goldvault"],
        os_patching_services="run",
        os_patching_retry_delay=0,
    )
    report = play.facts["os_patching_report"]
    assert [one["to"] for one in report["upgraded"]] == ["1.1"] and report["downgraded"] == []
    assert report["held"] == ["goldbar"]


# What a machine of its own does by itself: its shutdown ends the first process, and every start has another boot id.
REBOOTS = r"""
cat >/sbin/shutdown <<'END'
#!/bin/sh
setsid sh -c 'sleep 0.2; kill 1' >/dev/null 2>&1 &
END
cat >/usr/local/bin/cat <<'END'
#!/bin/sh
case $1 in */boot_id) exec stat -c %Z /proc/1;; *) exec /bin/cat "$@";; esac
END
chmod +x /sbin/shutdown /usr/local/bin/cat
touch /run/reboot-required
"""


@on_one_debian
def test_a_machine_that_must_be_is_started_anew_and_old_kernels_go_then(
    machines: Machines, outdated_image: str, gold: Gold
) -> None:
    from tests.roles.outdated import start

    always = {"restart_policy": {"Name": "always"}, "tmpfs": {"/run": ""}}
    machine = start(machines, outdated_image, gold, **always)
    older, _newer, running = machine.kernels
    debs = " ".join(f"/gold/debs/linux-image-{release}_1_all.deb" for release in (older, running))
    machine.sh(f"{REBOOTS}apt-mark hold goldbar goldcoin goldvault; dpkg -i {debs}")
    options = {
        "os_patching_reboot_timeout": 60,
        "os_patching_reboot": True,
        "os_patching_kernels": 1,
        "__os_patching_live": True,
    }
    play = machine.play("os_patching", **options)
    assert play.ok, play
    report = play.facts["os_patching_report"]
    assert report["reboot"] == {"needed": False, "reasons": [], "done": True}
    assert [one["name"] for one in report["removed"]] == [f"linux-image-{older}"]
    assert (
        "removed" in play.tasks["Remove the kernels that are not needed any more"]
    )  # it looked again, after the start
