"""What is out of date among packages, by what the archives of an image offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._debian_cves import Vulnerability
from goldsmith.patching.freshness import Cve, Freshness, Judge, Update, worst
from goldsmith.patching.index import Archive, Suite
from goldsmith.patching.offers import Candidate
from goldsmith.result import Package

Lists = Sequence[tuple[Suite, Mapping[str, Candidate]]]


def suite(name: str = "bookworm", *, automatic: bool = True, upgrades: bool = False) -> Suite:
    security = name.endswith("-security")
    archive = Archive("http://a.example/debian", name, ("main",))
    return Suite(archive, "0", datetime.now(UTC), "bookworm", security, automatic, upgrades, {}, by_hash=False)


def offers(**versions: str) -> dict[str, Candidate]:
    return {name: Candidate(version, "gold", version) for name, version in versions.items()}


def package(version: str, name: str = "goldbar", arch: str = "amd64") -> Package:
    return Package("deb", name, version, arch, "gold", version)


MAIN = (suite(), offers(goldbar="2.0", goldcoin="1.0"))
SECURITY = (suite("bookworm-security"), offers(goldbar="1.1"))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.0", Update("goldbar", "1.0", "2.0", security=True)),
        ("1.1", Update("goldbar", "1.1", "2.0", security=False)),
        ("2.0", None),
        ("2.1~local", None),
        ("not a version", None),
    ],
)
def test_an_update_is_one_of_security_when_the_security_archive_has_a_newer_one(
    version: str, expected: Update | None
) -> None:
    assert Judge(lambda _: [MAIN, SECURITY]).update(package(version), "amd64") == expected


def test_a_package_that_no_archive_has_is_not_out_of_date() -> None:
    assert Judge(lambda _: [MAIN]).update(package("0", "own"), "amd64") is None


def test_a_package_is_looked_for_in_its_own_architecture() -> None:
    lists: dict[str, Lists] = {"amd64": [MAIN], "i386": []}
    judge = Judge(lists.__getitem__)
    assert judge.update(package("1.0", arch="i386"), "amd64") is None
    assert judge.update(package("1.0", arch="all"), "amd64")


def test_what_backports_has_is_no_update_but_for_what_came_from_there() -> None:
    backports = (suite("bookworm-backports", automatic=False, upgrades=True), offers(goldbar="3.0"))
    judge = Judge(lambda _: [MAIN, backports])
    assert judge.update(package("2.0"), "amd64") is None
    update = judge.update(package("2.5"), "amd64")
    assert update and update.candidate == "3.0"
    experimental = (suite("experimental", automatic=False), offers(goldbar="9"))
    assert Judge(lambda _: [MAIN, experimental]).update(package("2.5"), "amd64") is None


def test_the_vulnerabilities_of_an_update_are_those_that_it_mends() -> None:
    def flaw(cve: str, fixed: str, urgency: str = "", *, binary: bool = False) -> Vulnerability:
        name = "goldbar" if binary else "gold"
        return Vulnerability(cve, name, fixed, (), urgency, bool(fixed), "", binary)

    known = [
        flaw("CVE-2026-1", "1.5", "low"),
        flaw("CVE-2026-2", "0.5"),
        flaw("CVE-2026-3", ""),
        flaw("CVE-2026-4", "2.5"),
        flaw("CVE-2026-5", "2.0", "high", binary=True),
    ]
    update = Judge(lambda _: [MAIN], known).update(package("1.0"), "amd64")
    assert update and update.cves == (Cve("CVE-2026-5", "high"), Cve("CVE-2026-1", "low"))


def test_freshness_counts_each_vulnerability_once_and_knows_the_worst() -> None:
    flaws = (Cve("CVE-2", "high"), Cve("CVE-1", "unimportant"))
    fresh = Freshness(
        9, (Update("a", "1", "2", security=True, cves=flaws), Update("b", "1", "2", security=False, cves=flaws[:1]))
    )
    assert (fresh.outdated, fresh.security, fresh.cves) == (2, 1, {"CVE-2": "high", "CVE-1": "unimportant"})
    assert worst({"CVE-4": "", "CVE-3": "", "CVE-2": "high", "CVE-1": "low"}, 3) == [
        Cve("CVE-2", "high"),
        Cve("CVE-1", "low"),
        Cve("CVE-3", ""),
    ]
