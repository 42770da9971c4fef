"""What is told of images of disks, by what the playbooks answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from goldsmith import disks

IMAGE: Any = SimpleNamespace(identity="sha256:1", tags=("/srv/web.raw",))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"stat": {"exists": True, "checksum": "1"}}, ("there", "")),
        ({"stat": {"exists": True, "checksum": "2"}}, ("missing", "/srv/web.raw is another file now")),
        ({"stat": {"exists": False}}, ("missing", "there is no /srv/web.raw any more")),
        ({"failed": True, "msg": "Permission denied"}, ("unknown", "Permission denied")),
    ],
)
def test_an_image_is_there_with_its_digest_only(answer: dict[str, Any], told: tuple[str, str]) -> None:
    assert disks.state(IMAGE, {"disk": [{"item": "/srv/web.raw"} | answer]}) == told
    assert disks.state(IMAGE, {"disk": [{"item": "/srv/other.raw"} | answer]})[0] == "unknown"


def test_an_image_that_could_not_be_removed_is_told_with_the_reason() -> None:
    gone = [{"item": "/srv/web.raw", "changed": True}, {"item": "/srv/web.raw.sha256", "failed": True, "msg": "x"}]
    assert disks.kept(IMAGE, {"disk": gone}) == ""
    assert disks.kept(IMAGE, {"disk": [{"item": "/srv/web.raw", "failed": True, "msg": "read-only"}]}) == "read-only"
    assert disks.kept(IMAGE, {}) == "/srv/web.raw was not removed"
