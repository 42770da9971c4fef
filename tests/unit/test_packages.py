from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.packages import Change, changes
from goldsmith.result import Package


def deb(name: str, version: str, arch: str = "amd64") -> Package:
    return Package("deb", name, version, arch)


def test_packages_are_added_removed_and_changed() -> None:
    found = changes([deb("bash", "5.1"), deb("curl", "7")], [deb("bash", "5.2"), deb("zsh", "5")])
    assert found.added == (deb("zsh", "5"),)
    assert found.removed == (deb("curl", "7"),)
    assert found.changed == (Change("deb", "bash", "amd64", "5.1", "5.2"),)
    assert found.total == 3


def test_the_same_name_on_another_architecture_is_another_package() -> None:
    found = changes([deb("libc6", "2", "i386")], [deb("libc6", "2", "amd64")])
    assert (len(found.added), len(found.removed), found.changed) == (1, 1, ())


def test_of_several_versions_side_by_side_only_those_that_differ_are_told() -> None:
    kernels = [Package("rpm", "kernel", version, "x86_64") for version in ("6.1", "6.2", "6.3")]
    assert changes(kernels[:2], kernels[1:]).changed == (Change("rpm", "kernel", "x86_64", "6.1", "6.3"),)
    assert changes(kernels[:1], kernels).added == tuple(kernels[1:])


PACKAGES = st.sets(
    st.builds(Package, st.just("deb"), st.sampled_from("abc"), st.sampled_from("123"), st.sampled_from(["x", "y"]))
)


@given(PACKAGES, PACKAGES)
def test_old_and_changes_make_new(old: set[Package], new: set[Package]) -> None:
    found = changes(old, new)
    gone = {(p.name, p.arch, p.version) for p in found.removed} | {(c.name, c.arch, c.old) for c in found.changed}
    come = {(p.name, p.arch, p.version) for p in found.added} | {(c.name, c.arch, c.new) for c in found.changed}
    before, after = ({(p.name, p.arch, p.version) for p in packages} for packages in (old, new))
    assert (before - gone) | come == after
    assert gone <= before and not come & before
