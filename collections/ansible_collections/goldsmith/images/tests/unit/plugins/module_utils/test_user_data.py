# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User data: the timer that ends a machine, and what the user gives beside it."""

from __future__ import annotations

import email
import gzip
import random
import subprocess
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC
from ansible_collections.goldsmith.images.plugins.module_utils._user_data import LIMIT, compose, switch

EXPIRES = datetime(2026, 11, 22, 13, tzinfo=UTC)


def parts(data: bytes) -> list[tuple[str, str]]:
    """Kind and text of each part, as cloud-init takes them."""

    def text(part: Message) -> str:
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode()

    return [
        (one.get_content_type(), text(one)) for one in email.message_from_bytes(data).walk() if not one.is_multipart()
    ]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_timer_alone_needs_no_message(text: str | None) -> None:
    assert compose(text, EXPIRES) == switch(EXPIRES).encode()


def run_switch(script: str, directory: Path, now: datetime) -> list[str]:
    """Run the script where systemd is found or not, and return what it asks of whom."""
    log = directory / "log"
    for name in ("systemd-run", "poweroff", "sleep"):
        (directory / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{log}\n')
        (directory / name).chmod(0o755)
    (directory / "date").write_text(f"#!/bin/sh\necho {int(now.timestamp())}\n")
    (directory / "date").chmod(0o755)
    subprocess.run(["sh", "-c", script], env={"PATH": f"{directory}:/usr/bin:/bin"}, check=True)
    return log.read_text().splitlines()


@pytest.mark.parametrize(
    ("now", "left"), [(EXPIRES - timedelta(hours=1), 3600), (EXPIRES, 60), (EXPIRES + timedelta(days=9), 60)]
)
def test_timer_leaves_what_is_left_and_a_minute_at_least(tmp_path: Path, now: datetime, left: int) -> None:
    there = switch(EXPIRES).replace("/run/systemd/system", str(tmp_path))

    assert run_switch(there, tmp_path, now) == [
        f"systemd-run --no-block --unit=goldsmith-expiry --on-active={left} systemctl poweroff"
    ]


def test_timer_does_without_systemd(tmp_path: Path) -> None:
    script = switch(EXPIRES).replace("/run/systemd/system", str(tmp_path / "missing")) + "wait\n"

    assert run_switch(script, tmp_path, EXPIRES - timedelta(minutes=5)) == ["sleep 300", "poweroff"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#!/bin/sh\necho hello\n", "text/x-shellscript"),
        ("#cloud-config\npackages: [nginx]\n", "text/cloud-config"),
        ("#cloud-config-archive\n- x\n", "text/cloud-config-archive"),
        ("#cloud-boothook\necho early\n", "text/cloud-boothook"),
        ("#include\nhttps://example.com/data\n", "text/x-include-url"),
        ("#include-once\nhttps://example.com/data\n", "text/x-include-once-url"),
        ("#part-handler\n", "text/part-handler"),
        ("## template: jinja\n#cloud-config\n", "text/jinja2"),
    ],
)
def test_user_s_text_goes_beside_the_timer_as_what_it_is(text: str, kind: str) -> None:
    assert parts(compose(text, EXPIRES)) == [("text/cloud-boothook", switch(EXPIRES)), (kind, text)]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_no_character_is_lost(text: str) -> None:
    script = f"#!/bin/sh\n# {text}\n"

    assert parts(compose(script, EXPIRES))[1] == ("text/x-shellscript", script)


def test_message_of_the_user_s_own_keeps_its_parts() -> None:
    own = compose("#!/bin/sh\necho hello\n", EXPIRES + timedelta(hours=1)).decode()

    assert [kind for kind, _text in parts(compose(own, EXPIRES))] == [
        "text/cloud-boothook",
        "text/cloud-boothook",
        "text/x-shellscript",
    ]


def test_same_data_come_of_the_same_wishes() -> None:
    assert compose("#!/bin/sh\n", EXPIRES) == compose("#!/bin/sh\n", EXPIRES)


@pytest.mark.parametrize("text", ["echo hello", "Content-Type: multipart/mixed\n\nno parts", "MIME-Version: 1.0\n\nx"])
def test_text_that_cloud_init_would_ignore_is_refused(text: str) -> None:
    with pytest.raises(Fault, match=r"cloud-init would ignore.*Begin it with #!"):
        compose(text, EXPIRES)


def test_long_text_is_compressed() -> None:
    text = "#!/bin/sh\n" + "echo the same again\n" * 2000

    data = compose(text, EXPIRES)

    assert len(data) <= LIMIT
    assert parts(gzip.decompress(data))[1][1] == text


def test_text_that_does_not_fit_is_refused() -> None:
    noise = random.Random(1).randbytes(LIMIT).hex()

    with pytest.raises(Fault, match="does not fit into EC2's 16384"):
        compose(f"#!/bin/sh\n# {noise}\n", EXPIRES)
