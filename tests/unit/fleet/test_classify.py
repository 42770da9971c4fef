from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.fleet.classify import Catalog, Finding, Known, classify
from goldsmith.fleet.hosts import stamped
from goldsmith.fleet.running import Running
from goldsmith.registry import Version


def web(sequence: int) -> Version:
    return Version("web", sequence, f"1.{sequence}")


def known(sequence: int, revoked: str = "") -> Known:
    return Known(web(sequence), "web/debian-12/docker", f"build-{sequence}", revoked)


def catalog(approved: int | None = 3, **revoked: str) -> Catalog:
    """Versions 1 to 5 of web, of which the channel has one; those named `v<number>` are revoked."""
    every = [known(number, revoked.get(f"v{number}", "")) for number in range(1, 6)]
    return Catalog(
        channel="production",
        identities={f"sha256:{one.version.sequence}": [one] for one in every},
        builds={one.build: one for one in every},
        approved={} if approved is None else {"web": web(approved)},
        in_channel={} if approved is None else {"web/debian-12/docker": f"build-{approved}"},
    )


def judged(*identities: str, build: str = "", against: Catalog | None = None) -> Finding:
    return classify(Running("container", "here", "one", "web:latest", identities, build), against or catalog())


def test_what_the_channel_points_at_is_approved() -> None:
    found = judged("sha256:3")
    assert (found.state, found.reason, found.known) == ("approved", "", known(3))


def test_an_older_version_is_outdated_and_the_newer_one_is_named() -> None:
    found = judged("sha256:1")
    assert (found.state, found.reason, found.approved) == ("outdated", "production is at 1.3", web(3))


def test_a_newer_version_than_the_channel_has_is_not_approved_yet() -> None:
    found = judged("sha256:5")
    assert (found.state, found.reason) == ("unapproved", "production is still at 1.3")


def test_an_image_of_which_no_version_was_approved_is_not() -> None:
    found = judged("sha256:1", against=catalog(None))
    assert (found.state, found.reason) == ("unapproved", "no version of web is in production")


def test_a_revoked_version_is_revoked_even_where_the_channel_points_at_it() -> None:
    found = judged("sha256:3", against=catalog(v3="web@3 was revoked: a key was left in it"))
    assert (found.state, found.reason) == ("revoked", "web@3 was revoked: a key was left in it")
    assert found.approved is None, "there is nothing better to run"
    assert judged("sha256:1", against=catalog(v1="bad")).approved == web(3)


def test_what_is_not_recorded_is_unknown() -> None:
    assert judged("sha256:other").state == "unknown"


def test_any_of_an_images_digests_will_do() -> None:
    assert judged("sha256:of-another-store", "sha256:3").state == "approved"


def test_the_same_image_made_twice_is_approved_where_either_version_is_and_revoked_where_either_is() -> None:
    twice = catalog(3)
    twice = Catalog(**vars(twice) | {"identities": {"sha256:same": [known(2), known(3)]}})
    assert judged("sha256:same", against=twice).state == "approved"
    twice = Catalog(**vars(twice) | {"identities": {"sha256:same": [known(2, "bad"), known(3)]}})
    assert judged("sha256:same", against=twice).state == "revoked"


def test_a_stamp_is_believed_only_where_there_is_no_identity() -> None:
    assert judged(build="build-3").state == "approved"
    assert judged("sha256:other", build="build-3").state == "unknown", "an image is not what its label says"
    found = judged(build="build-9")
    assert (found.state, found.reason) == (
        "unknown",
        "it says that it is of build build-9, of which no image is recorded",
    )


@given(st.integers(1, 6), st.none() | st.integers(1, 5), st.sets(st.integers(1, 5)))
def test_only_what_the_channel_points_at_and_nobody_revoked_is_approved(
    runs: int, approved: int | None, revoked: set[int]
) -> None:
    found = judged(f"sha256:{runs}", against=catalog(approved, **{f"v{number}": "bad" for number in revoked}))
    assert (found.state == "approved") == (runs == approved and runs not in revoked)
    assert (found.state == "unknown") == (runs == 6)
    assert found.state == "approved" or found.reason


STAMP = 'IMAGE_ID="web"\nIMAGE_VERSION="1.3"\nBUILD_ID="build-3"\nGOLDSMITH_BASE="sha256:x"\n'


def test_a_machine_is_known_by_its_stamp() -> None:
    assert stamped(STAMP, "web-1", "hosts") == Running("host", "hosts", "web-1", "web 1.3", (), "build-3")


def test_a_machine_without_a_stamp_is_known_by_nothing() -> None:
    assert stamped("", "web-1", "hosts") == Running("host", "hosts", "web-1", "no stamp")


@given(st.text())
def test_a_stamp_may_hold_anything(text: str) -> None:
    assert stamped(text, "web-1", "hosts").identities == ()
