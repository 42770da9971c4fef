"""package_upgrade on machines, against an archive of the test's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.outdated import Gold, Outdated

pytest_plugins = ["tests.roles.outdated"]
pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

OLD = {"goldbar": "1.0", "goldleaf": "1.0", "goldcoin": "1.0", "goldvault": "1.0"}
NEW = {"goldbar": "2.0", "goldsmelter": "1.5", "goldcoin": "2.0", "goldvault": "2.0"}
HOLDS = "apt-mark showhold"
# Everything that an upgrade might leave behind, with the times of what it writes.
LEAVINGS = (
    "find /etc/apt /var/lib/apt /var/cache/apt /usr/sbin/policy-rc.d /run /var/lib/dpkg /etc/init.d "
    "-printf '%p %T@ %y\\n' 2>/dev/null | grep -v -e /lock -e ' d$' | sort"
)


def moved(name: str, before: str, after: str) -> dict[str, str]:
    return {"name": name, "arch": "all", "from": before, "to": after}


def test_everything_is_upgraded_and_told_as_data_and_then_nothing_is_left(outdated: Outdated) -> None:
    outdated.sh("echo weight=mine >/etc/goldbar.conf")
    number = int(outdated.sh("dpkg-query -W | wc -l"))
    done = outdated.upgrade()
    assert outdated.versions() == NEW
    assert {name: done[name] for name in ("changed", "before", "after", "upgraded", "installed", "removed")} == {
        "changed": True,
        "before": number,
        "after": number,
        "upgraded": [moved(name, "1.0", "2.0") for name in ("goldbar", "goldcoin", "goldvault")],
        "installed": [{"name": "goldsmelter", "arch": "all", "version": "1.5"}],
        "removed": [{"name": "goldleaf", "arch": "all", "version": "1.0"}],
    }
    assert done["kept_files"] == ["/etc/goldbar.conf"]
    assert outdated.sh("cat /etc/goldbar.conf") == "weight=mine"
    assert outdated.sh("ls /var/cache/apt/archives/*.deb 2>/dev/null | wc -l") == "0"
    before = outdated.sh(LEAVINGS)
    again = outdated.upgrade()
    assert (again["changed"], again["upgraded"], again["diff"]) == (False, [], {"before": "", "after": ""})
    assert [line for line in outdated.sh(LEAVINGS).splitlines() if line not in before and "/lists/" not in line] == []


def test_check_mode_foretells_exactly_what_is_done_and_leaves_no_trace(outdated: Outdated) -> None:
    before = outdated.sh(LEAVINGS)
    options = {"exclude": ["goldva*"], "hold": ["goldcoin"], "inventory": True}
    foretold = outdated.upgrade(check=True, **options)
    assert outdated.sh(LEAVINGS) == before
    done = outdated.upgrade(**options)
    assert foretold["changed"] and foretold == done


def test_an_index_that_another_key_has_signed_is_refused_and_nothing_happens(outdated: Outdated, gold: Gold) -> None:
    outdated.sh(f"sed -i 's#{gold.url}/debian #{gold.url}/forged/debian #' /etc/apt/sources.list")
    done = outdated.upgrade()
    assert done["failed"]
    assert "the package lists are refused, as they are not signed by a key that this machine trusts" in done["msg"]
    assert "/forged/debian" in done["msg"] and "Nothing was upgraded" in done["msg"]
    assert outdated.versions() == OLD


@on_one_debian
def test_a_forged_index_is_refused_where_a_good_one_is_known_already(outdated: Outdated, gold: Gold) -> None:
    """APT itself would go on with the old one, and say that all went well."""
    outdated.sh("apt-get update")
    index = gold.directory / "www/debian/dists/bookworm/InRelease"
    good = index.read_bytes()
    index.write_bytes((gold.directory / "www/forged/debian/dists/bookworm/InRelease").read_bytes())
    os.utime(index, (index.stat().st_mtime + 60,) * 2)  # so that it is newer than the one that is known
    try:
        assert "are refused" in outdated.upgrade()["msg"]
    finally:
        index.write_bytes(good)
    assert outdated.versions() == OLD


@on_one_debian
def test_security_updates_come_alone_with_what_they_newly_need(outdated: Outdated) -> None:
    done = outdated.upgrade(mode="security")
    assert done["upgraded"] == [moved("goldcoin", "1.0", "1.1")]
    assert outdated.versions() == OLD | {"goldcoin": "1.1", "goldmint": "3"}
    assert not outdated.upgrade(mode="security")["changed"]


@on_one_debian
def test_the_administrators_own_pins_count_too(outdated: Outdated) -> None:
    outdated.sh("printf 'Package: goldbar\\nPin: version 1.*\\nPin-Priority: 1001\\n' >/etc/apt/preferences")
    outdated.upgrade()
    assert outdated.versions() == OLD | {"goldcoin": "2.0", "goldvault": "2.0"}


@on_one_debian
def test_what_is_excluded_stays_and_its_hold_is_gone_afterwards(outdated: Outdated) -> None:
    done = outdated.upgrade(exclude=["gold[ab]*", "golden"])
    assert outdated.versions() == OLD | {"goldcoin": "2.0", "goldvault": "2.0"}
    assert done["held_back"] == ["goldbar"]
    assert outdated.sh(HOLDS) == ""


@on_one_debian
def test_holds_stay_and_those_of_others_are_left_alone(outdated: Outdated) -> None:
    outdated.sh("apt-mark hold goldvault")
    done = outdated.upgrade(hold=["goldcoin"], exclude=["goldvault"])
    assert (done["held"], done["held_back"]) == (["goldcoin"], ["goldcoin", "goldvault"])
    assert outdated.sh(HOLDS).split() == ["goldcoin", "goldvault"]
    assert not outdated.upgrade(hold=["goldcoin"])["changed"]


HOOK = r"""
printf '#!/bin/sh\npid=$$\nuntil grep -q "^python3$" /proc/$pid/comm; do pid=$(sed -n "s/^PPid:.//p" /proc/$pid/status); done\n' >/hook
printf 'apt-mark showhold >/held; rm /etc/apt/apt.conf.d/hook; kill -SIGNAL $pid\nexit STATUS\n' >>/hook
chmod +x /hook; echo 'DPkg::Pre-Invoke { "/hook"; };' >/etc/apt/apt.conf.d/hook
"""


@on_one_debian
@pytest.mark.parametrize(
    ("signal", "status", "told"), [("TERM", 0, "stopped by SIGTERM"), ("0", 1, "the upgrade failed")]
)
def test_temporary_holds_are_released_also_when_it_is_stopped_or_fails(
    outdated: Outdated, signal: str, status: int, told: str
) -> None:
    outdated.sh(HOOK.replace("SIGNAL", signal).replace("STATUS", str(status)))
    done = outdated.upgrade(exclude=["goldbar"], hold_services=True)
    assert told in done["msg"]
    assert outdated.sh("cat /held") == "goldbar"
    assert outdated.sh(HOLDS) == ""
    assert outdated.fails("ls -d /usr/sbin/policy-rc.d || ls -d /var/lib/apt/goldsmith")


@on_one_debian
def test_what_a_killed_run_left_is_put_back_by_the_next_one(outdated: Outdated) -> None:
    outdated.sh(HOOK.replace("SIGNAL", "KILL").replace("STATUS", "1"))
    assert outdated.upgrade(exclude=["goldbar"], hold_services=True) == {}  # nobody is left to say anything
    assert outdated.sh(f"{HOLDS}; ls /usr/sbin/policy-rc.d") == "goldbar\n/usr/sbin/policy-rc.d"
    assert "failed" not in outdated.upgrade(mode="none")
    assert outdated.sh(HOLDS) == ""
    assert outdated.fails("ls -d /usr/sbin/policy-rc.d || ls -d /var/lib/apt/goldsmith")


@on_one_debian
def test_a_snapshot_brings_what_the_archive_had_that_day(outdated: Outdated, gold: Gold) -> None:
    outdated.sh("echo 'deb [trusted=yes] https://packages.example/apt stable main' >/etc/apt/sources.list.d/other.list")
    before = outdated.sh("cat /etc/apt/sources.list")
    snapshot = {
        "mode": "snapshot",
        "snapshot_date": "2026-01-31",
        "snapshot_url": f"{gold.url}/snapshot/{{date}}/{{archive}}",
    }
    done = outdated.upgrade(**snapshot)
    assert done["upgraded"] == [moved("goldcoin", "1.0", "1.1")]
    assert done["left_out"] == ["https://packages.example/apt stable"]
    assert outdated.versions() == OLD | {"goldcoin": "1.1", "goldmint": "3"}
    back = outdated.upgrade(**snapshot, snapshot_downgrade=True)
    assert back["downgraded"] == [moved("goldvault", "1.0", "0.9")]
    assert not outdated.upgrade(**snapshot, snapshot_downgrade=True)["changed"]
    assert outdated.sh("cat /etc/apt/sources.list") == before
    assert outdated.fails("ls /var/lib/apt/lists/*_Packages")


@on_one_debian
def test_a_snapshot_without_a_day_or_of_another_one_is_refused(outdated: Outdated, gold: Gold) -> None:
    assert "needs `snapshot_date`" in outdated.upgrade(mode="snapshot")["msg"]
    url = f"{gold.url}/snapshot/{{date}}/{{archive}}"
    done = outdated.upgrade(mode="snapshot", snapshot_date="2026-02-01", snapshot_url=url, retries=0)
    assert "/snapshot/20260201T000000Z/debian" in done["msg"] and "tried once" in done["msg"]


@on_one_debian
def test_a_mirror_that_recovers_is_waited_for(outdated: Outdated, gold: Gold) -> None:
    gold.server.failures = 8  # more than APT itself tries at once
    assert outdated.upgrade(retries=3)["changed"]
    assert outdated.versions() == NEW


@on_one_debian
def test_a_mirror_that_loses_packages_while_they_are_fetched_is_waited_for(outdated: Outdated, gold: Gold) -> None:
    outdated.sh("apt-get update")
    gold.server.failures = 14
    assert outdated.upgrade(retries=3, cache_valid_time=3600)["changed"]
    assert outdated.versions() == NEW


@on_one_debian
def test_a_mirror_that_stays_broken_is_named_and_nothing_happens(outdated: Outdated, gold: Gold) -> None:
    gold.server.failures = 1000
    done = outdated.upgrade(retries=1)
    assert "cannot be fetched, tried 2 times" in done["msg"] and gold.url in done["msg"]
    assert outdated.versions() == OLD


@on_one_debian
def test_another_mirror_is_used_for_this_once(outdated: Outdated, gold: Gold) -> None:
    outdated.sh(f"sed -i 's#{gold.url}#http://archive.invalid#' /etc/apt/sources.list")
    before = outdated.sh("cat /etc/apt/sources.list")
    outdated.upgrade(mirror=f"{gold.url}/debian", security_mirror=f"{gold.url}/debian-security")
    assert outdated.versions() == NEW
    assert outdated.sh("cat /etc/apt/sources.list") == before


@on_one_debian
def test_a_proxy_is_used_for_this_once(outdated: Outdated, gold: Gold) -> None:
    outdated.sh(f"sed -i 's#{gold.url}#http://archive.invalid#' /etc/apt/sources.list")
    outdated.upgrade(proxy=gold.url.replace("//", "//miner:s3cr3t@"))
    assert outdated.versions() == NEW
    assert all(path.startswith("http://archive.invalid/") for path in gold.server.asked)


@on_one_debian
def test_lists_that_are_fresh_enough_are_not_fetched(outdated: Outdated, gold: Gold) -> None:
    outdated.sh("apt-get update")
    gold.server.asked.clear()
    outdated.upgrade(cache_valid_time=3600)
    assert outdated.versions() == NEW
    assert [path for path in gold.server.asked if not path.endswith(".deb")] == []


@on_one_debian
def test_services_are_held_back_unless_somebody_else_says_what_may_start(outdated: Outdated) -> None:
    outdated.upgrade(hold_services=True, exclude=["goldbar", "goldcoin"])
    assert outdated.versions()["goldvault"] == "2.0"
    assert outdated.fails("cat /var/log/goldvault") and outdated.fails("ls -d /usr/sbin/policy-rc.d")
    outdated.sh("printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d")
    outdated.sh("dpkg -i /gold/debs/goldvault_1.0_all.deb; rm -f /var/log/goldvault")
    outdated.upgrade(hold_services=True)
    assert outdated.sh("cat /var/log/goldvault") == "start"
    assert outdated.sh("tail -1 /usr/sbin/policy-rc.d") == "exit 0"


@on_one_debian
def test_an_interrupted_upgrade_is_finished_first(outdated: Outdated) -> None:
    outdated.sh("touch /etc/trap; ! dpkg -i /gold/debs/goldtrap_1.0_all.deb")
    stuck = outdated.upgrade(exclude=["gold*"])
    assert "goldtrap" in stuck["msg"] and "dpkg --configure -a" in stuck["msg"]
    outdated.sh("rm /etc/trap")
    done = outdated.upgrade(exclude=["goldbar", "goldcoin", "goldvault"])
    assert (done["changed"], done["repaired"]) == (True, ["goldtrap"])


@on_one_debian
def test_what_nothing_needs_any_more_goes_only_when_asked(outdated: Outdated) -> None:
    outdated.sh("apt-mark auto goldleaf; apt-get remove -y goldbar; apt-mark minimize-manual -y >/dev/null || true")
    assert "goldleaf" in outdated.versions() and outdated.upgrade() and "goldleaf" in outdated.versions()
    done = outdated.upgrade(autoremove=True)
    assert "goldleaf" in [one["name"] for one in done["removed"]]


@on_one_debian
def test_packages_in_the_cache_are_deleted_and_count_as_a_change_once(outdated: Outdated) -> None:
    outdated.sh("cp /gold/debs/goldmint_3_all.deb /var/cache/apt/archives/")
    size = int(outdated.sh("stat -c %s /gold/debs/goldmint_3_all.deb"))
    assert outdated.upgrade(mode="none", clean=False)["freed"] == 0
    done = outdated.upgrade(mode="none")
    assert (done["changed"], done["freed"]) == (True, size)
    assert not outdated.upgrade(mode="none")["changed"]


@on_one_debian
def test_old_kernels_go_and_the_one_that_runs_stays(outdated: Outdated) -> None:
    old, new, running = outdated.kernels
    outdated.sh(f"dpkg -i {' '.join(f'/gold/debs/linux-image-{release}_1_all.deb' for release in outdated.kernels)}")
    assert outdated.upgrade(mode="none", kernels=1)["removed"] == []  # it is not said that the kernel is the machine's
    done = outdated.upgrade(mode="none", kernels=1, live=True)
    assert [one["name"] for one in done["removed"]] == [f"linux-image-{old}"]
    assert done["reboot"]["reasons"][0] == f"the kernel {new} is installed, and {running} runs"


@on_one_debian
def test_another_program_that_holds_the_packages_is_named_when_it_does_not_end(outdated: Outdated) -> None:
    holder = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/held', 'w'); time.sleep(600)"
    outdated.container.exec_run(["python3", "-c", holder], detach=True)
    outdated.sh("until test -e /held; do :; done")
    done = outdated.upgrade(lock_timeout=0)
    assert "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process" in done["msg"]
    assert outdated.versions() == OLD


@on_one_debian
def test_a_user_who_is_not_root_is_told(outdated: Outdated) -> None:
    assert "Run this as root (become: true)" in outdated.upgrade(user="nobody")["msg"]
