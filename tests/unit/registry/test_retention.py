"""Which artifacts nobody needs any more, and why the others stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.registry import ArtifactRecord, Channel, Version
from goldsmith.registry.retention import Held, Verdict, judge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def held(
    number: int, sequence: int, image: str = "web", *, parent: int | None = None, days: float | None = None, **more: Any
) -> Held:
    """An artifact of a version that is as many days old as there are versions after the first 100."""
    artifact = ArtifactRecord(
        id=number,
        build=f"b-{number}",
        version=Version(image, sequence, str(sequence)),
        type="docker",
        identity=more.pop("identity", f"sha256:{number}"),
        digests={},
        tags=(),
        size=None,
        region=None,
        account=None,
        published=True,
        state="available",
        base_reference=None,
        base_identity=None,
        parent=parent,
        details={},
    )
    age = timedelta(days=100 - sequence if days is None else days)
    facts: dict[str, Any] = {"label": f"{image}/debian-12/docker", "good": True, "finished": NOW - age, "host": "here"}
    return Held(artifact=artifact, **facts | more)


def channel(sequence: int, image: str = "web") -> Channel:
    return Channel(image, "production", Version(image, sequence, str(sequence)), NOW, "ann@a", "")


def judged(*all_held: Held, channels: tuple[Channel, ...] = (), **limits: Any) -> dict[int, str]:
    """Return why each artifact stays, and an empty text for those that go."""
    given: dict[str, Any] = {"keep": 1, "older_than": None, "now": NOW}
    verdicts = judge(all_held, channels, **given | limits)
    return {verdict.held.artifact.id: "" if verdict.goes else verdict.reason for verdict in verdicts}


def test_the_newest_of_each_platform_and_target_stay() -> None:
    other = held(9, 1, label="web/debian-13/docker")
    assert judged(held(1, 1), held(2, 2), held(3, 3), other, keep=2) == {
        1: "",
        2: "it is one of the 2 newest",
        3: "it is one of the 2 newest",
        9: "it is one of the 2 newest",
    }


def test_what_is_too_young_stays() -> None:
    found = judged(held(1, 1, days=90), held(2, 2, days=89.9), held(3, 3), older_than=timedelta(days=90))
    assert found == {1: "", 2: "it is not 90 days old", 3: "it is the newest"}


def test_what_a_channel_points_at_stays() -> None:
    assert judged(held(1, 1), held(2, 2), channels=(channel(1), channel(2, "base"))) == {
        1: "web:production points at it",
        2: "it is the newest",
    }


def test_what_failed_or_is_revoked_does_not_push_out_what_is_good() -> None:
    assert judged(held(1, 1), held(2, 2), held(3, 3, good=False)) == {
        1: "",
        2: "it is the newest",
        3: "it is the newest",
    }


def test_what_something_that_stays_was_built_on_stays_too_however_far_up() -> None:
    root, base, web = held(1, 1, "root"), held(3, 1, "base", parent=1), held(5, 1, parent=3)
    newer = [held(2, 2, "root"), held(4, 2, "base", parent=2)]
    assert judged(root, base, web, *newer) == {
        1: "base@1 was built on it",
        2: "it is the newest",
        3: "web@1 was built on it",
        4: "it is the newest",
        5: "it is the newest",
    }
    assert judged(root, base, web, held(6, 2, parent=4), *newer)[1] == ""


def test_an_image_that_was_built_twice_stays_for_both() -> None:
    assert judged(held(1, 1, identity="sha256:same"), held(2, 2, identity="sha256:same")) == {
        1: "it is the same image as web@2",
        2: "it is the newest",
    }


def test_what_is_being_built_stays() -> None:
    assert judged(held(1, 1, finished=None), held(2, 2))[1] == "its build still runs"


def test_images_that_are_not_looked_at_hold_what_they_were_built_on() -> None:
    base, old = held(1, 1, "base"), held(2, 2, "base")
    web = held(3, 1, parent=1)
    assert judged(base, old, web, wanted={"base"}) == {1: "web@1 was built on it", 2: "it is the newest"}


@st.composite
def records(draw: st.DrawFn) -> tuple[list[Held], tuple[Channel, ...]]:
    many = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        parent = draw(st.none() | st.integers(1, number - 1)) if number > 1 else None
        image = draw(st.sampled_from(["web", "base"]))
        many.append(
            held(number, number, image, parent=parent, good=draw(st.booleans()), days=draw(st.integers(0, 100)))
        )
    pointed = draw(st.sets(st.sampled_from([one.artifact.version for one in many])))
    return many, tuple(channel(version.sequence, version.image) for version in pointed)


@given(records(), st.integers(1, 3), st.none() | st.integers(0, 100))
def test_whatever_is_recorded_what_is_needed_stays(
    recorded: tuple[list[Held], tuple[Channel, ...]], keep: int, days: int | None
) -> None:
    many, channels = recorded
    older_than = None if days is None else timedelta(days=days)
    verdicts: dict[int, Verdict] = {
        one.held.artifact.id: one for one in judge(many, channels, keep=keep, older_than=older_than, now=NOW)
    }
    assert verdicts.keys() == {one.artifact.id for one in many}
    for number, verdict in verdicts.items():
        one = verdict.held
        if not verdict.goes:
            assert one.artifact.parent is None or not verdicts[one.artifact.parent].goes
            continue
        assert one.artifact.version not in {channel.version for channel in channels}
        newer = [each for each in many if each.label == one.label and each.good and each.artifact.id > number]
        assert len(newer) >= keep
        assert older_than is None or one.finished is None or NOW - one.finished >= older_than
