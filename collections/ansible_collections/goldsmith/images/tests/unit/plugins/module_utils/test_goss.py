# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to a machine with goss: which files, how they arrive, and that nothing of them stays."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._goss import (
    Answer,
    GossError,
    Program,
    collect,
    inspect_program,
    preparation,
    read_answer,
    write_parcel,
)

MARK = "mark-5f0c"
NATIVE = Program("native", (platform.machine(),), None)


def elf(machine: int = 62, loader: bytes = b"") -> bytes:
    """Return the beginning of a 64-bit program; with a loader it has one segment, which names it."""
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HH", 2, machine)
    head = head.ljust(32, b"\0") + struct.pack("<Q", 64)
    head = head.ljust(54, b"\0") + struct.pack("<HH", 56, 1 if loader else 0)
    head = head.ljust(64, b"\0")
    if not loader:
        return head
    segment = struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(loader), len(loader), 1)
    return head + segment + loader


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The directory that stands for a machine's /tmp."""
    directory = tmp_path / "machine"
    directory.mkdir()
    return directory


def tell(
    machine: Path, source: Path, goss: bytes, *, timeout: int = 60, retry_timeout: int = 0, **variables: object
) -> Answer:
    """Run a program in the place of goss from a parcel, with the machine's own shell."""
    binary = source.parent / "program"
    binary.write_bytes(goss)
    here = machine / "parcel's home"
    here.mkdir()
    with (here / "parcel").open("wb") as stream:
        write_parcel(
            stream,
            binary=str(binary),
            files=[collect(source)],
            variables=variables,
            mark=MARK,
            timeout=timeout,
            retry_timeout=retry_timeout,
        )
    environment = os.environ | {"TMPDIR": str(machine), "GOSS_VARS_INLINE": "{port: 1}", "GOSS_FMT": "tap"}
    ran = subprocess.run(
        ["/bin/sh", here / "parcel"], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert ran.stderr == ""
    return read_answer(ran.stdout, MARK)


def test_goss_gets_its_files_and_variables_and_is_told_to_answer_in_json(tmp_path: Path, machine: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "web.yaml").write_text("gossfile:\n  more/*.yaml: {}\n")
    (tmp_path / "more" / 'it\'s $(id) "more".yaml').write_text("port: {}\n")
    script = b'#!/bin/sh\nprintf "%s\\n" "$@"; cd "${2%/*}"; cat "$2" more/*.yaml; cat "$4"; env | grep -c GOSS_ >&2\n'
    answer = tell(machine, tmp_path / "web.yaml", script, port=8080, name="it's")
    arguments, _mark, rest = answer.stdout.partition("--no-color\n")
    assert arguments.splitlines()[4:] == ["validate", "--format", "json"]
    assert rest == 'gossfile:\n  more/*.yaml: {}\nport: {}\n{"port": 8080, "name": "it\'s"}'
    assert (answer.stderr, answer.removed) == ("0\n", True)


def test_every_byte_of_the_program_arrives(tmp_path: Path, machine: Path) -> None:
    (tmp_path / "a.yaml").write_text("{}")
    program = b'#!/bin/sh\ncksum < "$0"; exit\n' + bytes(range(256)) * 5000
    expected = subprocess.run(["cksum"], input=program, capture_output=True, check=True).stdout.decode()
    assert tell(machine, tmp_path / "a.yaml", program).stdout == expected


@pytest.mark.parametrize("script", ["exit 0", "exit 1", "kill -9 $$", "exec true"])
def test_nothing_stays_in_the_machine_however_goss_ends(tmp_path: Path, machine: Path, script: str) -> None:
    (tmp_path / "a.yaml").write_text("{}")
    answer = tell(machine, tmp_path / "a.yaml", f"#!/bin/sh\n{script}\n".encode())
    assert answer.code == {"exit 1": 1, "kill -9 $$": 137}.get(script, 0)
    assert list(machine.iterdir()) == []


def test_goss_is_stopped_with_its_children_when_its_time_is_over(tmp_path: Path, machine: Path) -> None:
    (tmp_path / "a.yaml").write_text("{}")
    answer = tell(machine, tmp_path / "a.yaml", b"#!/bin/sh\nsleep 300\n", timeout=1)
    assert answer.code == 124
    assert list(machine.iterdir()) == []


def test_failing_tests_are_tried_again_only_when_asked(tmp_path: Path, machine: Path) -> None:
    (tmp_path / "a.yaml").write_text("{}")
    script = b'#!/bin/sh\necho "$@"\n'
    assert "retry" not in tell(machine, tmp_path / "a.yaml", script).stdout
    again = tell(machine, tmp_path / "a.yaml", script, retry_timeout=30)
    assert again.stdout.rstrip().endswith("--retry-timeout 30s --sleep 1s")


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_an_answer_that_is_cut_off_is_no_answer(cut: int) -> None:
    whole = f"{MARK} stdout\n{{}}\n\n{MARK} stderr\nwarning\n\n{MARK} end 0 removed\n"
    assert read_answer(whole, MARK) == Answer(0, "{}\n", "warning\n", removed=True, noexec=False)
    answer = read_answer(whole[:cut], MARK)
    assert (answer.code, answer.removed) == (None, False)


def prepare(program: Program, *directories: Path, shared: bool = False) -> str:
    command = preparation(program, [str(directory) for directory in directories], MARK, shared)
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True).stdout


def test_the_first_directory_that_can_be_written_is_taken_and_is_nobody_elses(tmp_path: Path, machine: Path) -> None:
    word, state, path = prepare(NATIVE, tmp_path / "missing", machine).split()
    assert (word, state) == (MARK, "ready")
    assert Path(path).parent == machine
    assert Path(path).stat().st_mode & 0o777 == 0o700


def test_another_user_may_pass_but_not_look_into_a_shared_directory(machine: Path) -> None:
    path = prepare(NATIVE, machine, shared=True).split()[2]
    assert Path(path).stat().st_mode & 0o777 == 0o711


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (Program("other", ("pdp11",), None), f"machine {platform.machine()}"),
        (Program("native", (platform.machine(),), "/lib/ld-nothing.so"), "loader"),
        (NATIVE, "directory"),
    ],
)
def test_a_machine_that_cannot_run_goss_says_why_and_gets_no_directory(
    tmp_path: Path, machine: Path, program: Program, said: str
) -> None:
    place = tmp_path / "missing" if program is NATIVE else machine
    assert prepare(program, place) == f"{MARK} {said}\n"
    assert list(machine.iterdir()) == []


def test_a_program_tells_its_machine_and_its_loader(tmp_path: Path) -> None:
    (tmp_path / "static").write_bytes(elf(183))
    (tmp_path / "dynamic").write_bytes(elf(62, b"/lib64/ld-linux-x86-64.so.2\0"))
    assert inspect_program(str(tmp_path / "static")) == Program("arm64", ("aarch64", "arm64"), None)
    assert inspect_program(str(tmp_path / "dynamic")).loader == "/lib64/ld-linux-x86-64.so.2"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01", elf(8), b"MZ" + bytes(100), None])
def test_what_is_no_program_for_these_machines_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "goss").write_bytes(content)
    with pytest.raises(GossError, match="goss"):
        inspect_program(str(tmp_path / "goss"))


def names(source: Path) -> set[str]:
    return set(collect(source).names)


def test_included_files_are_found_through_globs_through_one_another_and_above(tmp_path: Path) -> None:
    (tmp_path / "web" / "parts").mkdir(parents=True)
    (tmp_path / "web" / "web.yaml").write_text("gossfile:\n  parts/*.yaml: {}\n  named:\n    file: ../base.json\n")
    (tmp_path / "web" / "parts" / "a.yaml").write_text("gossfile: {b.yml: {}}")
    (tmp_path / "web" / "parts" / "b.yml").write_text("gossfile: {../web.yaml: {}}")
    (tmp_path / "web" / "parts" / "unused.yml").write_text("")
    (tmp_path / "base.json").write_text('{"port": {}}')
    found = collect(tmp_path / "web" / "web.yaml")
    assert found.root == tmp_path
    assert found.names[0] == "web/web.yaml"
    assert set(found.names) == {"web/web.yaml", "web/parts/a.yaml", "web/parts/b.yml", "base.json"}


def test_templates_do_not_hide_what_is_included(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "{{ if eq .Vars.env `prod` }}\ngossfile:\n  {{.Vars.env}}.yaml: {}\n{{ end }}\n"
        "port:\n  tcp:{{ .Vars.port }}:\n    listening: {{ true }}\n"
    )
    (tmp_path / "prod.yaml").write_text("{}")
    assert names(tmp_path / "a.yaml") == {"a.yaml", "prod.yaml"}


def test_absolute_paths_are_the_machines_and_missing_files_are_left_to_goss(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("gossfile:\n  /etc/goss/*.yaml: {}\n  missing.yaml: {}\n  ..: {}\n")
    assert names(tmp_path / "a.yaml") == {"a.yaml"}


@pytest.mark.parametrize("text", ["port: {", "- a\n- b\n", "", "a: &x [*x]\n", "? [a]\n: b\n", "gossfile: nothing\n"])
def test_a_file_that_is_no_goss_file_is_left_to_goss(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert names(tmp_path / "a.yaml") == {"a.yaml"}


def test_keys_that_goss_would_pass_over_in_silence_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("pakage: {}\npackage: {}\n_anchors: {}\nx-anchors: {}\ngossfile: {b.yaml: {}}\n")
    (tmp_path / "b.yaml").write_text("services: {}\n")
    assert collect(tmp_path / "a.yaml").unknown_keys == ("pakage", "services")


def test_files_that_goss_cannot_read_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "web.goss").write_text("{}")
    with pytest.raises(GossError, match=r"binary\.yaml is not UTF-8"):
        collect(tmp_path / "binary.yaml")
    with pytest.raises(GossError, match=r"web\.goss must be named"):
        collect(tmp_path / "web.goss")
    with pytest.raises(GossError, match=r"missing\.yaml"):
        collect(tmp_path / "missing.yaml")
