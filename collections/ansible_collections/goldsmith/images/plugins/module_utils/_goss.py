# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugin goss carries to a machine: the binary, the goss files, and a script that runs them."""

from __future__ import annotations

import json
import re
import shlex
import struct
from pathlib import Path
from typing import IO, Any, BinaryIO, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible.module_utils.common.yaml import yaml_load

KEYS = frozenset({
    "addr", "command", "dns", "file", "gossfile", "group", "http", "interface", "kernel-param", "matching", "mount",
    "package", "port", "process", "service", "user",
})  # fmt: skip
"""The top-level keys of a goss file."""

_MACHINES = {62: ("amd64", ("x86_64", "amd64")), 183: ("arm64", ("aarch64", "arm64"))}
_PLACEHOLDER = "goldsmithtemplate"


class GossError(Exception):
    """Something wrong with a file on the controller, in words for the user."""


class Program(NamedTuple):
    """What a machine must have to run a binary: its architecture's names, and the dynamic loader (None: static)."""

    architecture: str
    machines: Tuple[str, ...]
    loader: Optional[str]


class GossFiles(NamedTuple):
    """A goss file and those it includes: paths relative to ``root``, the main one first; and keys goss would ignore."""

    root: Path
    names: Tuple[str, ...]
    unknown_keys: Tuple[str, ...]


def inspect_program(path: str) -> Program:
    """Read from a Linux binary's ELF header what machine it is made for.

    Raises:
        GossError: It cannot be read, or is no 64-bit Linux binary for x86-64 or ARM.
    """
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(64)
            if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
                raise GossError(f"{path} is no 64-bit Linux binary, so it cannot be goss for a Linux machine.")
            kind = struct.unpack_from("<H", head, 18)[0]
            loader = _loader(stream, *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54))
    except OSError as error:
        raise GossError(f"the goss binary cannot be read: {error}.") from error
    if kind not in _MACHINES:
        raise GossError(f"{path} is made for neither x86-64 nor 64-bit ARM (ELF machine {kind}).")
    architecture, machines = _MACHINES[kind]
    return Program(architecture, machines, loader)


def _loader(stream: BinaryIO, offset: int, size: int, count: int) -> Optional[str]:
    stream.seek(offset)
    table = stream.read(size * count)
    for index in range(count):
        segment = table[index * size : (index + 1) * size]
        if len(segment) == size and struct.unpack_from("<I", segment)[0] == 3:  # PT_INTERP
            start, length = struct.unpack_from("<Q", segment, 8)[0], struct.unpack_from("<Q", segment, 32)[0]
            stream.seek(start)
            return stream.read(min(length, 4096)).rstrip(b"\0").decode(errors="replace")
    return None


def collect(source: Path) -> GossFiles:
    """Find the files that a goss file includes by ``gossfile:`` with relative paths or globs, and those they include.

    Absolute paths are the machine's own. In a path with a Go template every file that could be meant is taken.

    Raises:
        GossError: A file cannot be read, or has a name that goss refuses.
    """
    source = source.resolve()
    if source.suffix not in {".yaml", ".yml", ".json"}:
        raise GossError(f"{source} must be named *.yaml, *.yml or *.json: goss tells the format by the name.")
    found: List[Path] = []
    unknown: Set[str] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.append(path)
        document = _read(path)
        unknown.update(key for key in document if key not in KEYS and not key.startswith(("_", "x-")))
        for pattern in _included(document.get("gossfile")):
            waiting += [match.resolve() for match in _matches(path.parent, pattern)]
    root = source.parent
    while any(root not in path.parents for path in found):
        root = root.parent
    return GossFiles(root, tuple(str(path.relative_to(root)) for path in found), tuple(sorted(unknown)))


def _read(path: Path) -> Dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise GossError(f"the goss file cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise GossError(f"the goss file {path} is not UTF-8 text: {error}.") from error
    # Lines that are nothing but a template's control flow go; a value that a template makes becomes a word.
    text = re.sub(r"(?m)^[ \t]*(?:\{\{.*?\}\}[ \t]*)+$", "", text)
    text = re.sub(r"\{\{.*?\}\}", _PLACEHOLDER, text, flags=re.S)
    try:
        document = yaml_load(text)
    except Exception:  # noqa: BLE001 - whatever the parser dislikes, goss says it better, with its own line numbers
        return {}
    return {str(key): value for key, value in document.items()} if isinstance(document, dict) else {}


def _included(gossfile: Any) -> List[str]:
    if not isinstance(gossfile, dict):
        return []
    patterns = []
    for name, attributes in gossfile.items():
        path = attributes.get("file") if isinstance(attributes, dict) else None
        patterns.append(str(path or name).replace(_PLACEHOLDER, "*"))
    return [pattern for pattern in patterns if not pattern.startswith("/")]


def _matches(folder: Path, pattern: str) -> List[Path]:
    parts = Path(pattern).parts
    while parts and parts[0] == "..":
        folder, parts = folder.parent, parts[1:]
    return [path for path in sorted(folder.glob("/".join(parts))) if path.is_file()] if parts else []


def preparation(program: Program, directories: Sequence[str], mark: str, shared: bool) -> str:
    """Return a shell command that checks that the machine can run the program and makes a directory for the parcel.

    It prints one line: the mark, then ``ready DIRECTORY``, ``machine NAME``, ``loader`` or ``directory``.

    Args:
        program: What the binary needs.
        directories: Where temporary directories may be made, the first that works is taken.
        mark: A word that nothing else prints.
        shared: Whether another, unprivileged user must be able to pass into the directory.
    """
    mode = 'chmod 711 "$t"; ' if shared else ""
    lines = [
        "m=$(uname -m)",
        f'case $m in {"|".join(program.machines)}) ;; *) echo {mark} machine "$m"; exit 0 ;; esac',
    ]
    if program.loader:
        lines.append(f"[ -e {shlex.quote(program.loader)} ] || {{ echo {mark} loader; exit 0; }}")
    lines += [
        f"for d in {' '.join(shlex.quote(directory) for directory in directories)}",
        'do if t=$(mktemp -d "$d/.goldsmith-goss.XXXXXXXXXX" 2>/dev/null)',
        f'then {mode}echo {mark} ready "$t"; exit 0; fi; done',
        f"echo {mark} directory",
    ]
    return "\n".join(lines)


_SCRIPT = r"""# goldsmith.images.goss: unpacks what follows, runs it, prints the result and removes everything.
umask 077
parcel=$0
remove() { rm -rf "$work" "${parcel%%/*}" 2>/dev/null; }
work=
trap remove EXIT
trap 'exit 1' HUP INT TERM
cd /
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset GOSS_FILE GOSS_VARS GOSS_VARS_INLINE GOSS_PACKAGE GOSS_LOGLEVEL GOSS_FMT GOSS_FMT_OPTIONS
unset GOSS_COLOR GOSS_NOCOLOR GOSS_SLEEP GOSS_RETRY_TIMEOUT GOSS_MAX_CONCURRENT
for parent in "${parcel%%/*}" "${TMPDIR:-}" /tmp /var/tmp /dev/shm /run "${HOME:-}"; do
  [ -d "$parent" ] || continue
  work=$(mktemp -d "$parent/.goldsmith-goss.XXXXXXXXXX" 2>/dev/null) || continue
  printf '#!/bin/sh\nexit 0\n' >"$work/probe"
  chmod 700 "$work/probe"
  "$work/probe" 2>/dev/null && break
  rm -rf "$work"
  work=
done
[ -n "$work" ] || { echo %(mark)s noexec; exit 0; }
unpack() { mkdir -p "${3%%/*}" && tail -c "$1" "$parcel" | head -c "$2" >"$3"; }
%(unpack)s
chmod 700 "$work/goss"
limit=
timeout 5 true 2>/dev/null && limit='timeout %(timeout)d'
$limit "$work/goss" --gossfile "$work/"%(main)s --vars "$work/vars.json" \
  validate --format json --no-color %(retry)s </dev/null >"$work/out" 2>"$work/err"
code=$?
echo %(mark)s stdout
cat "$work/out"
echo
echo %(mark)s stderr
cat "$work/err"
remove
trap - EXIT
[ -e "$parcel" ] && left=left || left=removed
echo
echo %(mark)s end "$code" "$left"
exit 0
"""


def write_parcel(
    stream: IO[bytes],
    *,
    binary: str,
    files: Sequence[GossFiles],
    variables: Mapping[str, Any],
    mark: str,
    timeout: int,
    retry_timeout: int,
) -> None:
    """Write a shell script that holds the binary, the goss files and their variables.

    One file instead of many, as each transfer is a round trip; and a file instead of a command's arguments, as others
    on the machine can read arguments.

    Args:
        stream: Where to write.
        binary: Path of goss.
        files: The goss files, each with those that it includes; they lie in a directory named for their number.
        variables: For ``.Vars`` in goss' templates.
        mark: A word that nothing else prints.
        timeout: Seconds after which goss is stopped.
        retry_timeout: Seconds during which failing tests are tried again; 0 for one try.
    """
    parts = [("goss", Path(binary).read_bytes()), ("vars.json", json.dumps(dict(variables)).encode())]
    parts += [
        (f"{number}/{name}", (one.root / name).read_bytes()) for number, one in enumerate(files) for name in one.names
    ]
    mains = [f"{number}/{one.names[0]}" for number, one in enumerate(files)]
    if len(mains) > 1:
        # goss takes the names of included files for patterns.
        included: Dict[str, Dict[str, Any]] = {re.sub(r"([*?\[\\])", r"\\\1", main): {} for main in mains}
        mains = ["all.yaml"]  # it decides in which format the others are read, and JSON is YAML
        parts.append((mains[0], json.dumps({"gossfile": included}).encode()))
    # Counted from the end, the offsets do not depend on the script's own length.
    behind = sum(len(content) for name, content in parts)
    unpack = []
    for name, content in parts:
        unpack.append(f'unpack {behind} {len(content)} "$work/"{shlex.quote(name)}')
        behind -= len(content)
    script = _SCRIPT % {
        "mark": mark,
        "unpack": "\n".join(unpack),
        "main": shlex.quote(mains[0]),
        "timeout": timeout,
        "retry": f"--retry-timeout {retry_timeout}s --sleep 1s" if retry_timeout else "",
    }
    stream.write(script.encode())
    for _name, content in parts:
        stream.write(content)


class Answer(NamedTuple):
    """What the parcel's script said: ``code`` is goss' exit code, None when goss did not run to its end."""

    code: Optional[int]
    stdout: str
    stderr: str
    removed: bool
    noexec: bool


def read_answer(output: str, mark: str) -> Answer:
    """Take apart what the parcel's script printed."""
    stdout, stderr = "", ""
    head, found, rest = output.partition(f"{mark} stdout\n")
    if found:
        stdout, found, rest = rest.partition(f"\n{mark} stderr\n")
        stderr, found, rest = rest.partition(f"\n{mark} end ")
    words = rest.split() if found else []
    if len(words) < 2 or not words[0].isdigit():
        return Answer(None, stdout or head, stderr, removed=False, noexec=f"{mark} noexec" in head)
    return Answer(int(words[0]), stdout, stderr, removed=words[1] == "removed", noexec=False)
