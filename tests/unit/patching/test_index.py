"""Archives' indexes are fetched when they changed, believed when they are signed, and old ones used when asked."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.roles.archive import Key, Server
from tests.unit.patching.archives import TextArchive
from tests.unit.patching.conftest import Open

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import sources_from_host
from goldsmith.errors import EnvironmentFault
from goldsmith.patching import _signature
from goldsmith.patching.index import Archive, _read
from goldsmith.patching.offers import Candidate
from goldsmith.versions import newer

INRELEASE = "/debian/dists/bookworm/InRelease"
PACKAGES = "/debian/dists/bookworm/main/binary-amd64/Packages.xz"


def test_packages_are_those_that_the_signed_index_names(indexes: Open, archive: Archive) -> None:
    found = indexes().packages(archive, "amd64")
    assert found == {
        "goldbar": Candidate("1.0", "goldbar", "1.0"),
        "libgold": Candidate("2.0", "goldworks", "1.5~1"),
    }
    suite = indexes().suite(archive)
    assert (suite.codename, suite.security, suite.automatic) == ("bookworm", False, True)


def test_what_did_not_change_is_not_fetched_again(indexes: Open, archive: Archive, server: Server) -> None:
    first = indexes().packages(archive, "amd64")
    server.asked.clear()
    again = indexes()
    assert again.packages(archive, "amd64") == first and again.packages(archive, "amd64") == first
    assert server.asked == [INRELEASE], "one question for the index, none for the packages it names"


def test_the_server_is_asked_on_the_condition_that_it_changed(
    indexes: Open, archive: Archive, published: TextArchive
) -> None:
    before = indexes().suite(archive)
    release = published.root / "dists/bookworm/InRelease"
    content, stat = release.read_bytes(), release.stat()
    # The time alone decides: a server that was not asked on that condition would give the damaged file.
    release.write_bytes(b"damaged")
    os.utime(release, (stat.st_atime, stat.st_mtime))
    after = indexes().suite(archive)
    assert after.sha256 == before.sha256 and after.fetched > before.fetched
    release.write_bytes(content)


def test_what_changed_is_fetched(indexes: Open, archive: Archive, published: TextArchive) -> None:
    indexes().packages(archive, "amd64")
    published.publish("bookworm", {"goldbar": "1.1"})
    os.utime(published.root / "dists/bookworm/InRelease", (2e9, 2e9))
    assert indexes().packages(archive, "amd64")["goldbar"].version == "1.1"


def test_an_index_that_was_changed_after_it_was_signed_is_refused(
    indexes: Open, archive: Archive, published: TextArchive
) -> None:
    release = published.root / "dists/bookworm/InRelease"
    release.write_text(release.read_text().replace("Suite: stable", "Suite: unstable"))
    with pytest.raises(EnvironmentFault, match="was changed after it was signed"):
        indexes().packages(archive, "amd64")
    with pytest.raises(EnvironmentFault, match="nothing is kept of"):
        indexes(offline=True).suite(archive)


def test_an_index_of_a_key_that_is_not_known_is_refused_with_what_to_do(
    indexes: Open, archive: Archive, published: TextArchive, tmp_path: Path
) -> None:
    published.key = Key(tmp_path / "forger")
    published.publish("bookworm", {"goldbar": "9.9"})
    with pytest.raises(EnvironmentFault, match=r"signed by a key that is not known here\n.*home/keyrings"):
        indexes().suite(archive)


def test_a_page_in_place_of_the_index_is_named(indexes: Open, archive: Archive, published: TextArchive) -> None:
    (published.root / "dists/bookworm/InRelease").write_text("<html>Log in</html>")
    with pytest.raises(EnvironmentFault, match="is not the signed index of an archive"):
        indexes().suite(archive)


def test_what_stands_outside_the_signature_is_not_read(indexes: Open, archive: Archive, published: TextArchive) -> None:
    release = published.root / "dists/bookworm/InRelease"
    release.write_text("Codename: forged\nSHA256:\n 00 1 main/binary-amd64/Packages.xz\n\n" + release.read_text())
    assert indexes().suite(archive).codename == "bookworm"


def test_packages_other_than_those_that_the_index_names_are_refused(
    indexes: Open, archive: Archive, published: TextArchive
) -> None:
    (published.root / "dists/bookworm/main/binary-amd64/Packages.xz").write_bytes(b"other")
    with pytest.raises(EnvironmentFault, match="is not the file that the archive's signed index names"):
        indexes().packages(archive, "amd64")


def test_an_archive_that_cannot_be_reached_is_a_fault_unless_what_is_kept_will_do(
    indexes: Open, archive: Archive, server: Server
) -> None:
    kept = indexes()
    kept.packages(archive, "amd64")
    server.failures = 1000
    with pytest.raises(EnvironmentFault, match=r"cannot be fetched: .*503.*\n.*--offline takes what was fetched at"):
        indexes().suite(archive)
    offline = indexes(offline=True)
    assert offline.packages(archive, "amd64")["goldbar"].version == "1.0"
    assert offline.suite(archive).fetched == kept.suite(archive).fetched, "so that its age can be told"


def test_what_was_never_fetched_is_not_there_offline(indexes: Open, archive: Archive) -> None:
    with pytest.raises(EnvironmentFault, match="nothing is kept of"):
        indexes(offline=True).suite(archive)


def test_a_file_that_was_damaged_where_it_is_kept_is_fetched_again(indexes: Open, archive: Archive, root: Path) -> None:
    indexes().packages(archive, "amd64")
    for path in (*(root / "index").iterdir(), *(root / "packages").iterdir()):
        path.write_bytes(path.read_bytes()[:-9])
    assert indexes().packages(archive, "amd64")["goldbar"].version == "1.0"


@pytest.mark.parametrize("check", [True, False])
def test_an_index_that_has_run_out_is_refused_unless_the_image_passes_that_over(
    indexes: Open, archive: Archive, published: TextArchive, check: bool
) -> None:
    until = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    published.publish("bookworm", {"goldbar": "1.0"}, **{"Valid-Until": until})
    asked = Archive(archive.uri, archive.suite, archive.components, check_valid_until=check)
    if check:
        with pytest.raises(EnvironmentFault, match="has run out at 2020-01-01"):
            indexes().suite(asked)
    else:
        assert indexes().suite(asked).codename == "bookworm"


@pytest.mark.parametrize(
    ("suite", "fields", "expected"),
    [
        ("bookworm-security", {"Label": "Debian-Security"}, ("bookworm", True, True, False)),
        ("jammy-security", {"Label": "Ubuntu", "Suite": "jammy-security"}, ("jammy", True, True, False)),
        (
            "bookworm-backports",
            {"NotAutomatic": "yes", "ButAutomaticUpgrades": "yes"},
            ("bookworm", False, False, True),
        ),
    ],
)
def test_what_kind_of_suite_it_is_stands_in_the_index(
    indexes: Open,
    archive: Archive,
    published: TextArchive,
    suite: str,
    fields: dict[str, str],
    expected: tuple[str, bool, bool, bool],
) -> None:
    published.publish(suite, {}, **fields)
    found = indexes().suite(Archive(archive.uri, suite, ("main",)))
    assert (found.codename, found.security, found.automatic, found.upgrades) == expected


def test_an_architecture_that_the_archive_does_not_have_is_empty(indexes: Open, archive: Archive) -> None:
    assert indexes().packages(archive, "riscv64") == {}


def test_without_a_keyring_or_gpgv_nothing_is_believed(
    indexes: Open, archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_signature, "_DISTRIBUTIONS", root / "none")
    shutil.rmtree(root / "keyrings")
    with pytest.raises(EnvironmentFault, match="there is no keyring here\napt-get install debian-archive-keyring"):
        indexes().suite(archive)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EnvironmentFault, match="cannot be checked without gpgv"):
        indexes().suite(archive)


def test_addresses_of_archives_are_those_of_apt() -> None:
    assert Archive("http://a/debian/", "bookworm", ("main",)).url == "http://a/debian/dists/bookworm"
    assert Archive("http://a/flat", "./").url == "http://a/flat/."
    assert Archive("http://a/flat", "sub/").url == "http://a/flat/sub"


def test_a_source_that_is_no_archive_on_the_network_is_named(indexes: Open) -> None:
    with pytest.raises(EnvironmentFault, match=r"cdrom:.* is no archive that can be reached from here"):
        indexes().suite(Archive("cdrom:[Debian]", "bookworm", ("main",)))


VERSION = st.from_regex(r"([0-9]:)?[0-9][0-9a-z.~+]{0,6}(-[0-9a-z.~+]{1,4})?", fullmatch=True)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9.+-]{1,8}", fullmatch=True), VERSION, max_size=5))
def test_whatever_a_list_holds_is_read(packages: dict[str, str]) -> None:
    text = "\n".join(f"Package: {n}\nVersion: {v}\nDescription: d\n Version: 99\n" for n, v in packages.items())
    assert {name: one.version for name, one in _read(text.splitlines(keepends=True)).items()} == packages


@given(VERSION, VERSION)
def test_of_two_versions_at_most_one_is_newer(one: str, other: str) -> None:
    assert not (newer(one, other) and newer(other, one))


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "1.0~rc1"), ("1:1", "2"), ("2.36-9+deb12u13", "2.36-9+deb12u9"), ("1.0-1+b1", "1.0-1")]
)
def test_versions_are_in_debians_order(one: str, other: str) -> None:
    assert newer(one, other) and not newer(other, one) and not newer(one, one)


def test_of_what_is_no_version_nothing_is_newer() -> None:
    assert not newer("1 0", "1.0") and not newer("1.0", "1 0")


@pytest.mark.network
def test_the_distributions_own_archives_are_believed_by_its_own_keyring(indexes: Open, root: Path) -> None:
    shutil.rmtree(root / "keyrings")
    for source in sources_from_host("bookworm", ["main"]):
        _deb, uri, suite, *components = source.line.split()
        found = indexes().suite(Archive(uri, suite, tuple(components)))
        assert found.codename == "bookworm" and found.security == suite.endswith("-security")
