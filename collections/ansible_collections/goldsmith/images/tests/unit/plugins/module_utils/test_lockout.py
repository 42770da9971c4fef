"""_lockout: what would leave a machine that nobody can enter is told, and nothing else is."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._lockout import Access, Person, danger

ROOT_KEY = Person("root", root=True, keys=True)
ROOT_PASSWORD = Person("root", root=True, password=True)
ADMIN = Person("ann", keys=True, sudo="nopasswd")
ADMIN_PASSWORD = Person("ben", password=True, sudo="password")
ADMIN_HALF = Person("cid", keys=True, sudo="password")  # sudo asks for a password that is not there
USER = Person("dan", keys=True, password=True)


@pytest.mark.parametrize("guard", ["", "root_login", "passwords", "sudo_password", "sudo_authenticate", "su"])
def test_an_image_that_nobody_enters_loses_nothing(guard: str) -> None:
    assert danger(guard, Access((Person("root", root=True),))) == ""


@pytest.mark.parametrize("others", [(), (USER,), (ADMIN_HALF,)])
def test_roots_login_stays_while_nobody_else_can_log_in_and_become_root(others: tuple[Person, ...]) -> None:
    assert "root is the only account" in danger("root_login", Access((ROOT_KEY, *others)))


@pytest.mark.parametrize("other", [ADMIN, ADMIN_PASSWORD])
def test_roots_login_goes_once_an_administrator_is_there(other: Person) -> None:
    assert danger("root_login", Access((ROOT_KEY, other))) == ""


def test_a_password_is_no_way_in_where_the_server_takes_none() -> None:
    assert danger("root_login", Access((ROOT_KEY, ADMIN_PASSWORD), passwords=False))
    assert danger("passwords", Access((ADMIN_PASSWORD,), passwords=False)) == ""


def test_roots_login_goes_when_it_could_not_log_in_anyway() -> None:
    assert danger("root_login", Access((ROOT_KEY,), root_by_key=False)) == ""
    assert danger("root_login", Access((ROOT_PASSWORD,))) == ""
    assert danger("root_login", Access((ROOT_PASSWORD,), root_by_password=True))


def test_an_account_made_at_the_first_boot_is_a_way_in() -> None:
    assert danger("root_login", Access((ROOT_KEY,), created=True)) == ""
    assert "cloud-init" in danger("sudo_password", Access((ROOT_KEY,), created=True))


def test_passwords_stay_while_no_administrator_has_a_key() -> None:
    assert "ben" in danger("passwords", Access((ADMIN_PASSWORD, USER)))
    assert danger("passwords", Access((ADMIN_PASSWORD, ADMIN))) == ""
    assert danger("passwords", Access((ADMIN_PASSWORD, ROOT_KEY))) == ""
    assert danger("passwords", Access((ADMIN_PASSWORD, ROOT_KEY), root_by_key=False))


def test_sudo_without_a_password_stays_while_there_is_no_password() -> None:
    assert "ann" in danger("sudo_password", Access((ADMIN,)))
    assert danger("sudo_password", Access((ADMIN, ADMIN_PASSWORD))) == ""


def test_whoever_is_connected_keeps_sudo_without_a_password_until_there_is_one() -> None:
    assert "ann" in danger("sudo_password", Access((ADMIN, ADMIN_PASSWORD), connected="ann"))
    with_password = Person("ann", keys=True, password=True, sudo="nopasswd")
    assert danger("sudo_password", Access((with_password,), connected="ann")) == ""


def test_su_stays_while_it_is_the_only_way_to_become_root() -> None:
    assert "dan" in danger("su", Access((ROOT_PASSWORD, USER)))
    assert danger("su", Access((ROOT_PASSWORD, USER, ADMIN))) == ""
    both = Person("root", root=True, password=True, keys=True)
    assert danger("su", Access((both, USER))) == ""


def test_an_option_that_lets_sudo_ask_for_no_password_goes_unless_somebody_has_none() -> None:
    assert danger("sudo_authenticate", Access((ADMIN,))) == ""
    assert "ann" in danger("sudo_authenticate", Access((Person("ann", keys=True, sudo="nopasswd", exempt=True),)))
    assert danger("sudo_authenticate", Access((Person("ann", password=True, sudo="nopasswd", exempt=True),))) == ""
