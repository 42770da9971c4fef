"""Why an image must be built anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldsmith.patching.freshness import Cve, Freshness, Update
from goldsmith.patching.verdict import Now, Parent, Verdict, judged, with_parents
from goldsmith.reason import Reason
from goldsmith.registry import Recorded, Version
from goldsmith.targets import Base

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "http://a.example/debian/dists/bookworm/InRelease"
FLAWS = tuple(Cve(f"CVE-2026-{number}", "high" if number == 4 else "") for number in range(1, 5))
OLD = Freshness(
    300, (Update("goldbar", "1", "2", security=True, cves=FLAWS), Update("goldcoin", "1", "2", security=False))
)
FRESH = Freshness(300)


def image(name: str = "web", **given: Any) -> Recorded:
    """Return a recorded image, a day old."""
    defaults: dict[str, Any] = {
        "label": f"{name}/debian-12/docker",
        "version": Version(name, 3, "3"),
        "platform": "debian-12",
        "target": "docker",
        "fingerprint": "print",
        "build": "b",
        "built": NOON - timedelta(days=1),
        "spec": "/specs/web.yml",
        "ingredients": {"layers": "[]"},
        "inventory": 1,
        "base": "sha256:old",
        "base_digest": None,
        "inrelease": {},
        "artifact": 7,
        "identity": f"sha256:{name}",
        "parent": None,
        "sources": (),
        "revoked": None,
    }
    return Recorded(**defaults | given)


def told(recorded: Recorded, **now: Any) -> list[str]:
    reasons, notes = judged(recorded, Now(NOON, **now))
    return [*(f"{reason.kind}: {reason.text}" for reason in reasons), *(f"note: {note}" for note in notes)]


def test_nothing_is_a_reason_when_nothing_is_known_to_have_changed() -> None:
    assert told(image()) == []
    assert told(image(), ingredients={"layers": "[]"}, base=Base("sha256:old"), freshness=FRESH) == []


@pytest.mark.parametrize(
    ("recorded", "base", "expected"),
    [
        ({}, Base("sha256:new"), ["base: the base moved: sha256:old -> sha256:new"]),
        ({"base": "ami-1"}, Base("ami-2"), ["base: the base moved: ami-1 -> ami-2"]),
        ({"base_digest": "debian@sha256:a"}, Base(None, "sha256:b"), ["base: the base moved: sha256:a -> sha256:b"]),
        ({"base_digest": "debian@sha256:a"}, Base("sha256:other", "sha256:a"), []),
        ({}, Base(None, "sha256:b"), []),
        ({"base": None}, Base("sha256:new"), []),
    ],
)
def test_a_base_that_moved_is_named_with_what_it_was_and_is(
    recorded: dict[str, Any], base: Base, expected: list[str]
) -> None:
    assert told(image(**recorded), base=base) == expected


def test_a_parent_that_was_built_anew_or_is_revoked_is_a_reason() -> None:
    parent = Parent("sha256:base", "base@3")
    assert told(image(base="sha256:base"), parent=parent) == []
    assert told(image(base="sha256:before"), parent=parent) == ["parent: its base was built anew: base@3"]
    revoked = replace(parent, revoked="base@3, leak")
    assert told(image(base="sha256:base"), parent=revoked) == ["parent: its base is revoked: base@3, leak"]
    assert told(image(base="sha256:base"), parent=Parent(None, revoked="all are")) == [
        "parent: its base is revoked: all are"
    ]


def test_a_revoked_image_is_built_anew() -> None:
    assert told(image(revoked="a key in it")) == ["revoked: version 3 is revoked: a key in it"]


def test_packages_out_of_date_are_counted_and_the_worst_vulnerabilities_named() -> None:
    (reason,) = told(image(), freshness=OLD)
    assert reason.startswith("packages: 2 packages out of date, 1 of them by security updates: CVE-2026-4 (high), CVE")
    assert reason.endswith("CVE-2026-1, CVE-2026-2 and 1 more")
    one = Freshness(300, OLD.updates[1:])
    assert told(image(), freshness=one) == ["packages: 1 package out of date"]


@pytest.mark.parametrize(
    "seen", [{"inrelease": {URL: "f0", "http://b": "1"}}, {"ingredients": {"layers": "[]", f"index:{URL}": "f0"}}]
)
def test_an_image_that_was_built_from_the_same_indexes_is_not_built_for_ever(seen: dict[str, Any]) -> None:
    (note,) = told(image(**seen), freshness=OLD, indexes={URL: "f0"})
    assert note.startswith("note: 2 packages out of date") and "a new build would not mend it" in note
    assert told(image(**seen), freshness=OLD, indexes={URL: "f1"})[0].startswith("packages: ")
    assert told(image(**seen), freshness=OLD, indexes={URL: "f0", "http://c": "2"})[0].startswith("packages: ")


def test_an_image_older_than_its_policy_is_built_anew() -> None:
    policy = {"layers": "[]", "policy:max_age": f"{86400 / 2:g}"}
    expected = ["age: it is 1.0 days old, the policy says 0.5 at most"]
    assert told(image(ingredients=policy)) == expected, "the spec is gone: its policy is what was recorded"
    assert told(image(), ingredients=policy) == expected, "the policy is the one that the spec has now"
    assert told(image(ingredients=policy), ingredients={"layers": "[]"}) == []
    assert told(image(), ingredients={**policy, "policy:max_age": "86401"}) == []


def test_of_a_build_recorded_without_its_ingredients_the_fingerprint_is_compared() -> None:
    old = image(ingredients=None)
    assert told(old, ingredients={"layers": "[]"}, fingerprint="print") == []
    (reason,) = told(old, ingredients={"layers": "[]"}, fingerprint="another")
    assert reason.startswith("spec: the spec changed")


def verdict(name: str, *reasons: Reason) -> Verdict:
    return Verdict(name, image(name), reasons=reasons)


def test_who_starts_from_an_image_that_is_built_anew_is_so_too_however_long_the_chain() -> None:
    age = Reason("age", "old")
    parents = {"top": "middle", "middle": "base"}
    for order in (["top", "middle", "base"], ["base", "middle", "top"]):
        verdicts = {"top": verdict("top"), "middle": verdict("middle"), "base": verdict("base", age)}
        found = {one.label: one for one in with_parents([verdicts[name] for name in order], parents)}
        assert list(found) == order
        assert [reason.text for reason in found["top"].reasons] == ["its base middle is to be built anew"]
        assert [reason.text for reason in found["middle"].reasons] == ["its base base is to be built anew"]
    assert all(one.state == "fresh" for one in with_parents([verdict("top"), verdict("middle")], parents))


def test_images_that_start_from_each_other_end() -> None:
    assert len(with_parents([verdict("a", Reason("age", "old")), verdict("b")], {"a": "b", "b": "a"})) == 2


def test_a_state_tells_what_to_do() -> None:
    age = Reason("age", "old")
    assert Verdict("web", None, reasons=(Reason("new", "none"),)).state == "build"
    assert verdict("web", age).state == "rebuild" and verdict("web").state == "fresh"
    assert Verdict("web", image(), faults=("no index",)).state == "unknown"
    assert Verdict("web", image(), reasons=(age,), faults=("no index",)).state == "rebuild"
