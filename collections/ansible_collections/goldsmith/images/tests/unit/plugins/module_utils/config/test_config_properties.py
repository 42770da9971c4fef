# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the files hold, what is wanted holds afterwards, and the rest as before, as programs would read them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._config_family import Family
from ansible_collections.goldsmith.images.plugins.module_utils._config_format import Equals, Format, Limits, Setting
from ansible_collections.goldsmith.images.plugins.module_utils._config_ini import Ini
from ansible_collections.goldsmith.images.plugins.module_utils._config_sshd import Sshd
from ansible_collections.goldsmith.images.plugins.module_utils._config_sudoers import Sudoers
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

Files = dict[str, str]
Read = Callable[[Files], dict[Any, str]]


def settle(files: Files, form: Format, path: str, settings: list[Setting], drop_in: str | None = None) -> Files:
    """Return what the files hold afterwards."""
    drafts = Drafts(Path("/nonexistent"))
    for name, text in files.items():
        drafts.write(name, text)
    family = Family(drafts, form, path, drop_in)
    family.set(settings)
    for setting in settings:
        family.silence(setting)
    return {change.name: change.after or "" for change in drafts.changes()}


def check(
    files: Files, form: Format, path: str, wanted: Mapping[Any, Setting], read: Read, drop_in: str | None = None
) -> None:
    """Hold what comes out against what a program would read.

    Args:
        files: What there is.
        form: How it is written.
        path: The main file.
        wanted: Settings by what `read` calls them.
        read: Returns what holds, told in other words than those under test.
        drop_in: Our own file.
    """
    before, settings = read(files), list(wanted.values())
    after = settle(files, form, path, settings, drop_in)
    assert settle(after, form, path, settings, drop_in) == after
    holds = read(after)
    for key, setting in wanted.items():
        assert holds.get(key) == setting.value
    assert {k: v for k, v in holds.items() if k not in wanted} == {k: v for k, v in before.items() if k not in wanted}
    for name in set(files) - {drop_in}:
        kept = [[line for line in text.splitlines() if line in PROSE and line] for text in (files[name], after[name])]
        assert kept[0] == kept[1]


PROSE = ["# a is the key of all", "#", "", "   ", "#\ta 1", "## of b"]
prose = st.sampled_from(PROSE)
keys = st.sampled_from(["a", "b", "c"])
values = st.sampled_from(["1", "2", "3"])
some = st.dictionaries(keys, st.one_of(values, st.none()), min_size=1)


def texts(*lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def joined(parts: list[str], end: str) -> str:
        return "\n".join(parts) + end

    return st.builds(joined, st.lists(st.one_of(prose, *lines), max_size=8), st.sampled_from(["", "\n"]))


space = texts(
    st.builds("{}{}{}".format, keys, st.sampled_from([" ", "\t", "  "]), values),
    st.builds("{}{} {}".format, st.sampled_from(["#", "# "]), keys, values),
)


def read_space(files: Files) -> dict[Any, str]:
    lines = [line.split() for text in files.values() for line in text.splitlines()]
    return {words[0]: words[1] for words in lines if words and not words[0].startswith("#")}


@given(space, some)
def test_a_key_and_a_value(text: str, wanted: dict[str, str | None]) -> None:
    settings = {key: Setting(key, value) for key, value in wanted.items()}
    check({"/etc/file": text}, Format(), "/etc/file", settings, read_space)


equals = texts(
    st.builds("{}{}{}".format, keys, st.sampled_from(["=", " = "]), values),
    st.builds("{}{} = {}".format, st.sampled_from(["#", "# "]), keys, values),
    st.sampled_from(["flag", "# flag"]),
)


def read_equals(files: Files) -> dict[Any, str]:
    lines = [line.strip() for name in sorted(files) for line in files[name].splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, _sign, value in pairs}


@given(equals, some, st.booleans())
def test_an_equals_sign(text: str, wanted: dict[str, str | None], flag: bool) -> None:
    settings = {key: Setting(key, value) for key, value in wanted.items()}
    settings |= {"flag": Setting("flag", "" if flag else None)}
    check({"/etc/file": text}, Equals(), "/etc/file", settings, read_equals)


@given(equals, st.dictionaries(st.sampled_from(["10", "50", "90"]), equals), some)
def test_a_drop_in_among_others(text: str, more: dict[str, str], wanted: dict[str, str | None]) -> None:
    files = {"/etc/app.conf": text} | {f"/etc/app.d/{name}.conf": other for name, other in more.items()}
    files.pop("/etc/app.d/50.conf", None)
    settings = {key: Setting(key, value) for key, value in wanted.items()}
    check(files, Equals(), "/etc/app.conf", settings, read_equals, "/etc/app.d/50.conf")


limits = texts(
    st.builds("{} {} core {}".format, st.sampled_from(["*", "root"]), st.sampled_from(["hard", "soft", "-"]), values),
    st.builds("#* hard core {}".format, values),
)


def read_limits(files: Files) -> dict[Any, str]:
    found = {}
    for text in files.values():
        for words in (line.split() for line in text.splitlines()):
            if words and not words[0].startswith("#"):
                for kind in ("hard", "soft") if words[1] == "-" else words[1:2]:
                    found[words[0], kind] = words[3]
    return {key: value for key, value in found.items() if key[1] == "hard"}


@given(limits, limits, st.dictionaries(st.sampled_from(["*", "root"]), values, min_size=1))
def test_limits(main: str, later: str, wanted: dict[str, str]) -> None:
    settings = {(domain, "hard"): Setting(f"{domain} hard core", value) for domain, value in wanted.items()}
    files = {"/etc/security/limits.conf": main, "/etc/security/limits.d/10.conf": later}
    check(files, Limits(), "/etc/security/limits.conf", settings, read_limits)


section = st.sampled_from(["A", "B"])
ini = texts(
    st.builds("[{}]".format, section),
    st.builds("{}={}".format, keys, st.one_of(values, st.just(""))),
    st.builds("{}{}={}".format, st.sampled_from(["#", ";", "# "]), keys, values),
    st.builds("{}={} \\\n  more".format, keys, values),
)


def read_ini(files: Files) -> dict[Any, str]:
    folders = ["/etc/x.conf.d", "/run/x.conf.d", "/usr/lib/x.conf.d"]
    layers: dict[str, str] = {}
    for folder in reversed(folders):
        layers |= {name.rpartition("/")[2]: name for name in files if name.startswith(folder)}
    found = {}
    for name in ["/etc/x.conf", *(layers[one] for one in sorted(layers))]:
        at = ""
        for line in files[name].replace("\\\n", " ").splitlines():
            if line.startswith("["):
                at = line
            elif line.strip() and not line.strip().startswith(("#", ";")):
                key, _sign, value = line.partition("=")
                found[at, key] = " ".join(value.split())
    return found


@given(
    ini,
    st.dictionaries(st.tuples(st.sampled_from(["etc", "run", "usr/lib"]), st.sampled_from(["10", "50", "90"])), ini),
    st.dictionaries(st.tuples(section, keys), st.one_of(values, st.none()), min_size=1),
    st.booleans(),
)
def test_sections_and_drop_ins(
    text: str, more: dict[tuple[str, str], str], wanted: dict[tuple[str, str], str | None], own: bool
) -> None:
    files = {"/etc/x.conf": text} | {f"/{base}/x.conf.d/{name}.conf": one for (base, name), one in more.items()}
    ours = "/etc/x.conf.d/60.conf" if own else None
    settings = {(f"[{at}]", key): Setting(key, value, at) for (at, key), value in wanted.items()}
    check(files, Ini(), "/etc/x.conf", settings, read_ini, ours)


sshd = texts(
    st.builds("{} {}".format, st.sampled_from(["a", "A", "b", "c"]), values),
    st.builds("{}={}".format, keys, values),
    st.builds("#{} {}".format, keys, values),
    st.sampled_from(["Match User x", "Match all", "match user=y", "Include more.d/*", "Include more.d/1 more.d/2"]),
)


def walk_sshd(files: Files, name: str, user: str, inside: bool | None = None, depth: int = 0) -> Iterator[Any]:
    """What is said, and whether that is outside of blocks (None), or in one that matches, or in one that does not."""
    around = inside
    for line in files.get(name, "").splitlines():
        words = re.split(r"[\s=]+", line.strip().lower())
        if not line.strip() or line.strip().startswith("#"):
            continue
        if words[0] == "match":
            inside = around is not False and (words[1] == "all" or words[2] == user)
        elif words[0] == "include" and depth < 3:
            for pattern in words[1:]:
                form = re.escape(posixpath.join("/etc/ssh", pattern)).replace(r"\*", "[^/]*")
                for one in sorted(files):
                    if re.fullmatch(form, one):
                        yield from walk_sshd(files, one, user, inside, depth + 1)
        else:
            yield inside, words[0], words[1]


def read_sshd(files: Files) -> dict[Any, str]:
    """What holds by name and user: for the server in general, then what blocks that match have to say."""
    found: dict[Any, str] = {}
    for user in ("x", "y", "z"):
        said = list(walk_sshd(files, "/etc/ssh/sshd_config", user))
        for wanted in (None, True):
            found |= {(key, user): value for inside, key, value in reversed(said) if inside is wanted}
    return found


inner = sshd.map(lambda text: re.sub("(?m)^Include.*", "", text))


@given(sshd, inner, inner, st.dictionaries(keys, values, min_size=1), st.booleans())
def test_the_first_line_includes_and_blocks(text: str, one: str, two: str, wanted: dict[str, str], own: bool) -> None:
    files = {"/etc/ssh/sshd_config": text, "/etc/ssh/more.d/1": one, "/etc/ssh/more.d/2": two}
    ours = "/etc/ssh/more.d/0" if own else None
    settings = [Setting(key, value) for key, value in wanted.items()]
    before = read_sshd(files)
    after = settle(files, Sshd(), "/etc/ssh/sshd_config", settings, ours)
    assert settle(after, Sshd(), "/etc/ssh/sshd_config", settings, ours) == after
    holds = read_sshd(after)
    # Nothing is said of z but in the block of all: what is wanted holds for it, and for the others unless a block says so.
    assert {key: holds.get((key, "z")) for key in wanted} == wanted
    foreign = {k for k in {*before, *holds} if k[0] not in wanted}
    assert {k: holds.get(k) for k in foreign} == {k: before.get(k) for k in foreign}


@given(sshd, st.dictionaries(keys, values, min_size=1), st.sampled_from(["user x", "user y"]))
def test_settings_of_a_block(text: str, wanted: dict[str, str], scope: str) -> None:
    files = {"/etc/ssh/sshd_config": text}
    settings = [Setting(key, value, scope) for key, value in wanted.items()]
    after = settle(files, Sshd(), "/etc/ssh/sshd_config", settings)
    assert settle(after, Sshd(), "/etc/ssh/sshd_config", settings) == after
    before, holds = read_sshd(files), read_sshd(after)
    assert {k: v for k, v in holds.items() if k[1] == "z"} == {k: v for k, v in before.items() if k[1] == "z"}
    if "Match all" not in text:
        assert {key: holds[key, scope[-1]] for key in wanted} == wanted


parameter = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "!"]), st.sampled_from(["p", "q"])),
    st.builds("v={}".format, values),
    st.builds('v="{}"'.format, values),
    st.sampled_from(["l += x", 'w="1,2"']),
)
sudoers = texts(
    st.builds(
        "Defaults{} {}".format,
        st.sampled_from(["", "", ":x"]),
        st.lists(parameter, min_size=1, max_size=3).map(", \\\n ".join),
    ),
    st.sampled_from(["root ALL=(ALL) ALL", "@include more", "@includedir /etc/sudoers.d", "# Defaults p"]),
)


def read_sudoers(files: Files) -> dict[Any, str]:
    found: dict[Any, str] = {}

    def run(name: str, depth: int) -> None:
        for line in files.get(name, "").replace("\\\n", "").splitlines():
            if line.startswith("@includedir") and depth < 3:
                for one in sorted(files):
                    if one.startswith("/etc/sudoers.d/"):
                        run(one, depth + 1)
            elif line.startswith("@include") and depth < 3:
                run(posixpath.join("/etc", line.split()[1]), depth + 1)
            elif line.startswith("Defaults"):
                who, rest = re.fullmatch(r"Defaults(:x)?\s+(.*)", line).groups()  # type: ignore[union-attr]
                for one in re.findall(r'(?:[^,"]|"[^"]*")+', rest):
                    key, sign, value = (part.strip() for part in re.fullmatch(r"([!\w\s]+)(\+?=)?(.*)", one).groups(""))  # type: ignore[union-attr]
                    text = value.strip('"') if sign else str(not key.startswith("!")).lower()
                    found[key.lstrip("!"), who] = text

    run("/etc/sudoers", 0)
    return found


leaf = sudoers.map(lambda text: re.sub("(?m)^@include.*", "", text))


@given(
    sudoers, leaf, st.dictionaries(st.sampled_from(["10", "90"]), leaf), st.booleans(),
    st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["true", "false"])), values,
)  # fmt: skip
def test_defaults_of_sudo(
    text: str, more: str, drop_ins: dict[str, str], own: bool, flags: dict[str, str], value: str
) -> None:
    files = {"/etc/sudoers": text, "/etc/more": more} | {f"/etc/sudoers.d/{n}": one for n, one in drop_ins.items()}
    ours = "/etc/sudoers.d/50" if own else None
    settings = {(key, None): Setting(key, flag) for key, flag in flags.items()}
    settings["v", None] = Setting("v", value)
    before = read_sudoers(files)
    after = settle(files, Sudoers(), "/etc/sudoers", list(settings.values()), ours)
    assert settle(after, Sudoers(), "/etc/sudoers", list(settings.values()), ours) == after
    holds = read_sudoers(after)
    assert {key: holds.get(key) for key in settings} == {key: one.value for key, one in settings.items()}
    if not own:
        assert {k: v for k, v in holds.items() if k not in settings} == {
            k: v for k, v in before.items() if k not in settings
        }
