"""_units: units are had as wanted, by as few calls as that takes."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._units import Systemd


class Fake:
    """A systemctl that knows some units, and remembers what it was told."""

    def __init__(self, **units: str) -> None:
        self.units = {name: state.split() for name, state in units.items()}
        self.told: list[str] = []

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        verb, name = command[1], command[2].partition(".")[0]
        known = self.units.get(name)
        if verb == "is-enabled":
            return (0, f"{known[0]}\n", "") if known else (1, "", f"Failed to get unit file state for {name}")
        if verb == "show":
            name = command[3].partition(".")[0]
            state, *met = self.units[name][1:]
            return (
                0,
                f"ActiveState={state}\nConditionResult={met[0] if met else 'yes'}\nConditionTimestampMonotonic=7\n",
                "",
            )
        self.told.append(f"{verb} {name}")
        return (1, "", "Failed to start\nno bus") if name == "broken" else (0, "", "")


@pytest.mark.parametrize(
    ("state", "wanted", "told"),
    [
        ("enabled active", "enabled", []),
        ("disabled inactive", "enabled", ["enable x", "start x"]),
        ("masked inactive", "enabled", ["unmask x", "enable x", "start x"]),
        ("static inactive", "enabled", ["start x"]),
        ("static active", "static", []),
        ("enabled active", "disabled", ["disable x", "stop x"]),
        ("disabled inactive", "disabled", []),
        ("static active", "disabled", ["stop x"]),
        ("enabled active", "masked", ["mask x", "stop x"]),
        ("masked inactive", "masked", []),
        ("enabled inactive no", "enabled", []),
        ("disabled inactive no", "enabled", ["enable x"]),
    ],
)
def test_a_unit_is_told_only_what_it_takes(state: str, wanted: str, told: list[str]) -> None:
    systemctl = Fake(x=state)
    outcome = Systemd(systemctl, live=True).hold("x.service", wanted, "c", check=False)
    assert systemctl.told == told
    assert outcome.status == ("changed" if told else "compliant")


def test_nothing_is_started_or_stopped_where_systemd_does_not_run() -> None:
    systemctl = Fake(x="disabled inactive", y="enabled active")
    systemd = Systemd(systemctl, live=False)
    systemd.hold("x.service", "enabled", None, check=False)
    systemd.hold("y.service", "masked", None, check=False)
    assert systemctl.told == ["enable x", "mask y"]


def test_a_unit_that_does_not_exist_cannot_be_enabled_and_need_not_be_masked() -> None:
    systemd = Systemd(Fake(), live=True)
    assert systemd.hold("x.service", "enabled", None, check=False).status == "failed"
    assert systemd.hold("x.service", "masked", None, check=False).status == "compliant"


def test_check_mode_says_the_same_and_tells_nothing() -> None:
    systemctl = Fake(x="disabled inactive")
    outcome = Systemd(systemctl, live=True).hold("x.service", "enabled", None, check=True)
    assert (outcome.status, outcome.message, systemctl.told) == ("changed", "was disabled, not running", [])


def test_what_systemctl_refuses_is_told() -> None:
    outcome = Systemd(Fake(broken="enabled inactive"), live=True).hold("broken.service", "enabled", None, check=False)
    assert (outcome.status, outcome.message) == ("failed", "systemctl start failed: no bus")
