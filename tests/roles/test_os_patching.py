"""os_patching, against an archive that the test makes, so that there is always something to upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.conftest import Machine

pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

PACKAGE = r"""
rm -rf /build; mkdir -p /build/DEBIAN /build/etc /build/usr/share/NAME /archive; cd /build; echo VERSION >usr/share/NAME/version
printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A Test <test@example.com>\nDescription: test\n' NAME VERSION >DEBIAN/control
printf '%s' 'FIELDS' >>DEBIAN/control
if [ NAME = goldbar ]; then echo 'weight=VERSION' >etc/goldbar.conf; echo /etc/goldbar.conf >DEBIAN/conffiles; fi
dpkg-deb --root-owner-group --build . /archive/NAME_VERSION.deb
"""
INDEX = r"""
cd /archive
for file in *.deb; do
  dpkg-deb --field "$file"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -c1-64)"
done >Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list
"""


def publish(machine: Machine, name: str, version: str, fields: str = "") -> None:
    machine.sh(PACKAGE.replace("NAME", name).replace("VERSION", version).replace("FIELDS", fields) + INDEX)


@pytest.fixture
def outdated(machine: Machine) -> Machine:
    """A machine with goldbar 1.0 and goldleaf 1.0, whose archive offers 2.0, which needs goldsmelter in place of goldleaf."""
    publish(machine, "goldbar", "1.0", "Depends: goldleaf\n")
    publish(machine, "goldleaf", "1.0")
    machine.sh("apt-get update && apt-get install -y goldbar")
    publish(machine, "goldbar", "2.0", "Depends: goldsmelter\nConflicts: goldleaf\n")
    publish(machine, "goldsmelter", "1.5")
    return machine


def test_everything_is_upgraded_and_told_as_data_and_then_nothing_is_left(outdated: Machine) -> None:
    before = int(outdated.sh("dpkg-query -W | wc -l"))
    first = outdated.play("os_patching")
    assert first.ok, first
    assert first.facts["os_patching_report"] == {
        "before": before,
        "after": before,
        "upgraded": [{"name": "goldbar", "from": "1.0", "to": "2.0"}],
        "installed": [{"name": "goldsmelter", "version": "1.5"}],
        "removed": [{"name": "goldleaf", "version": "1.0"}],
    }
    assert outdated.sh("dpkg-query -Wf '${Version}' goldbar") == "2.0"
    second = outdated.play("os_patching")
    assert (second.ok, second.changed) == (True, 0), second
    assert second.facts["os_patching_report"]["upgraded"] == []


def test_check_mode_says_that_there_is_something_to_do_and_does_nothing(outdated: Machine) -> None:
    outdated.sh("apt-get update")
    play = outdated.play("os_patching", check=True)
    assert play.ok and play.changed == 1, play
    assert outdated.sh("dpkg-query -Wf '${Version}' goldbar") == "1.0"


@on_one_debian
def test_a_configuration_file_that_was_edited_is_kept(outdated: Machine) -> None:
    outdated.sh("echo weight=mine >/etc/goldbar.conf")
    assert outdated.play("os_patching").ok
    assert outdated.sh("cat /etc/goldbar.conf") == "weight=mine"


@on_one_debian
def test_what_nothing_needs_any_more_goes_only_when_asked(machine: Machine) -> None:
    publish(machine, "goldbar", "1.0", "Depends: goldleaf\n")
    publish(machine, "goldleaf", "1.0")
    machine.sh("apt-get update && apt-get install -y goldbar")
    publish(machine, "goldbar", "2.0")
    assert machine.play("os_patching").ok
    assert machine.sh("dpkg-query -Wf '${db:Status-Status}' goldleaf") == "installed"
    publish(machine, "goldbar", "3.0")
    play = machine.play("os_patching", os_patching_autoremove=True)
    assert [package["name"] for package in play.facts["os_patching_report"]["removed"]] == ["goldleaf"]


@on_one_debian
def test_mode_none_counts_and_leaves_everything(outdated: Machine) -> None:
    play = outdated.play("os_patching", os_patching_mode="none")
    assert (play.ok, play.changed) == (True, 0), play
    assert play.facts["os_patching_report"]["before"] == int(outdated.sh("dpkg-query -W | wc -l"))
    assert outdated.sh("dpkg-query -Wf '${Version}' goldbar") == "1.0"


@on_one_debian
def test_a_package_that_cannot_be_had_fails_the_role(outdated: Machine) -> None:
    outdated.sh("rm /archive/goldsmelter_1.5.deb")
    play = outdated.play("os_patching", os_patching_retries=1, os_patching_retry_delay=0)
    assert not play.ok
    assert "goldsmelter" in play.message


@on_one_debian
def test_a_mirror_that_comes_back_is_tried_again(outdated: Machine) -> None:
    """A hook stands for the mirror: it refuses the first try and lets the second one pass."""
    hook = "test -e /tmp/tried || { touch /tmp/tried; exit 1; }"
    outdated.sh(f"echo 'DPkg::Pre-Invoke {{ \"{hook}\"; }};' >/etc/apt/apt.conf.d/99mirror")
    play = outdated.play("os_patching", os_patching_retries=2, os_patching_retry_delay=0)
    assert play.ok and outdated.sh("ls /tmp/tried"), play
    assert play.facts["os_patching_report"]["upgraded"][0]["to"] == "2.0"
