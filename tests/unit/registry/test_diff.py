"""What is said to have changed from one build to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.errors import InputError
from goldsmith.registry import BuildRecord, Registry
from goldsmith.registry.choose import pairs
from goldsmith.registry.diff import Change, Contents, Difference, PackageChange, difference
from goldsmith.registry.diff import _packages as package_changes
from goldsmith.result import Artifact, ControlResult, Package, TestResult
from goldsmith.show.records import difference_text

Build = Callable[..., BuildRecord]


@pytest.fixture
def registry(home: Any) -> Any:
    with Registry.open(environ={"GOLDSMITH_HOME": str(home)}) as registry:
        yield registry


@pytest.fixture
def changed(registry: Registry, build: Build) -> Callable[..., Difference]:
    """Records two builds, of which the second one differs by what is given, and returns what is said of them."""

    def compare(before: dict[str, Any], after: dict[str, Any], patching: tuple[Any, Any] = (None, None)) -> Difference:
        contents = []
        for name, built, report in (("b-1", before, patching[0]), ("b-2", after, patching[1])):
            build(name, **built)
            if report is not None:
                registry.attach(name, patching=report)
            contents.append(registry.contents(registry.find_build(name)))
        return difference(*contents)

    return compare


def image(**details: Any) -> dict[str, Any]:
    return {"artifact": Artifact(type="docker", id="sha256:1", size=details.pop("size", 100), details=details)}


def test_builds_that_are_the_same_differ_in_nothing(changed: Callable[..., Difference]) -> None:
    found = changed(image(layers=["a"]), image(layers=["a"]))
    assert (found.packages, found.config, found.compliance, found.tests, found.label) == (
        (),
        (),
        (),
        (),
        "debian-12/docker",
    )
    assert "CVEs      not known" in difference_text("web@1", "web@2", [found])


def test_packages_go_up_and_down_by_debians_order(changed: Callable[..., Difference]) -> None:
    def packages(**versions: str) -> dict[str, Any]:
        return {"packages": tuple(Package("deb", name, version, "amd64") for name, version in versions.items())}

    found = changed(
        packages(bash="5.2~rc1-1", zlib="1:1.2", dash="1", gone="1"),
        packages(bash="5.2-1", zlib="2.0", dash="1", come="1"),
    )
    assert found.packages == (
        PackageChange("upgraded", "bash", "amd64", "5.2~rc1-1", "5.2-1"),
        PackageChange("added", "come", "amd64", None, "1"),
        PackageChange("removed", "gone", "amd64", "1", None),
        PackageChange("downgraded", "zlib", "amd64", "1:1.2", "2.0"),
    )
    told = difference_text("web@1", "web@2", [found])
    assert "packages  1 added, 1 downgraded, 1 removed, 1 upgraded" in told
    assert "upgraded   bash 5.2~rc1-1 -> 5.2-1" in told


def test_a_package_that_is_there_in_several_versions_is_added_and_removed() -> None:
    before = [Package("rpm", "kernel", "5.1"), Package("rpm", "kernel", "5.2"), Package("rpm", "bash", "1")]
    after = [Package("rpm", "kernel", "5.2"), Package("rpm", "kernel", "5.3"), Package("rpm", "kernel", "5.4")]
    assert [(one.change, one.name, one.before or one.after) for one in package_changes(before, after)] == [
        ("removed", "bash", "1"),
        ("removed", "kernel", "5.1"),
        ("added", "kernel", "5.3"),
        ("added", "kernel", "5.4"),
    ]
    [one] = package_changes([Package("rpm", "bash", "1")], [Package("rpm", "bash", "2")])
    assert one.change == "changed"


_sets = st.lists(
    st.builds(
        Package,
        st.just("deb"),
        st.sampled_from("abc"),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["", "amd64"]),
    ),
    unique=True,
)


@given(_sets, _sets)
def test_what_changed_makes_the_one_of_the_other(before: list[Package], after: list[Package]) -> None:
    held = {(one.name, one.arch, one.version) for one in before}
    for one in package_changes(before, after):
        if one.before is not None:
            held.remove((one.name, one.arch, one.before))
        if one.after is not None:
            held.add((one.name, one.arch, one.after))
    assert held == {(one.name, one.arch, one.version) for one in after}


def test_cves_are_told_where_both_builds_looked_for_them(changed: Callable[..., Difference]) -> None:
    def report(*names: str) -> dict[str, Any]:
        return {"cves": {"fixed": [], "remaining": [{"cve": name, "source": "openssl"} for name in names]}}

    found = changed({}, {}, (report("CVE-2026-0002", "CVE-2026-0001"), report("CVE-2026-0002", "CVE-2026-0003")))
    assert (found.cves_fixed, found.cves_new) == (("CVE-2026-0001",), ("CVE-2026-0003",))
    told = difference_text("web@1", "web@2", [found])
    assert "fixed     CVE-2026-0001" in told and "new CVEs  CVE-2026-0003" in told


@pytest.mark.parametrize("other", [None, {"cves": None}])
def test_cves_are_unknown_where_one_build_did_not_look(changed: Callable[..., Difference], other: Any) -> None:
    found = changed({}, {}, ({"cves": {"fixed": [], "remaining": []}}, other))
    assert (found.cves_fixed, found.cves_new) == (None, None)


def test_configuration_controls_tests_size_and_layers_are_compared(changed: Callable[..., Difference]) -> None:
    goss = TestResult("goss", "Port: 80", "passed")
    found = changed(
        image(
            layers=["a", "b"],
            size=1_000_000,
            config={"User": "", "Env": ["TZ=UTC", "A=1"], "Labels": {"io.goldsmith.build": "b-1"}},
        )
        | {"compliance": (ControlResult("sshd_root", "failed"),), "tests": (goss,)},
        image(
            layers=["a", "c", "d"],
            size=3_000_000,
            config={
                "User": "www-data",
                "Env": ["TZ=UTC"],
                "ExposedPorts": {"80/tcp": {}},
                "Labels": {"io.goldsmith.build": "b-2"},
            },
        )
        | {
            "compliance": (ControlResult("sshd_root", "compliant"),),
            "tests": (goss, TestResult("goss", "Port: 443", "failed")),
        },
    )
    assert found.config == (
        Change("Env.A", "1", None),
        Change("ExposedPorts.80/tcp", None, after=True),
        Change("User", None, "www-data"),
    )
    assert found.compliance == (Change("sshd_root", "failed", "compliant"),)
    assert found.tests == (Change("goss: Port: 443", None, "failed"),)
    assert (found.size, found.layers) == ((1_000_000, 3_000_000), (2, 3, 1))
    told = difference_text("web@1", "web@2", [found])
    assert "config    User: none -> www-data" in told
    assert "config    ExposedPorts.80/tcp: none -> yes" in told
    assert "control   sshd_root: failed -> compliant" in told
    assert "size      1 MB -> 3 MB (+2 MB)" in told
    assert "layers    2 -> 3, 1 in common" in told


def test_builds_are_compared_by_platform_and_target(registry: Registry, build: Build) -> None:
    version = registry.new_version("web", "f")
    for platform in ("debian-12", "debian-13"):
        build(f"b-1-{platform}", version, platform=platform)
    build("b-2", platform="debian-13")
    [(before, after)] = pairs(registry.resolve("web@1"), registry.resolve("web@2"))
    assert (before.id, after.id) == ("b-1-debian-13", "b-2")
    with pytest.raises(InputError, match="no build of the same platform and target") as told:
        pairs(registry.resolve("web@1"), registry.resolve("web@2"), target="ec2")
    assert "web@1 has debian-12/docker, debian-13/docker; web@2 has debian-13/docker" in told.value.hint


def test_a_build_without_an_artifact_can_be_compared(changed: Callable[..., Difference]) -> None:
    found = changed({}, {"status": "failed"})
    assert (found.size, found.layers) == ((100, None), None)
    assert isinstance(found.before, str) and Contents
