# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers merged into one do what they did one after the other."""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
from dataclasses import dataclass, field

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layers import merge


@dataclass(frozen=True)
class Member:
    path: str
    kind: str = "file"
    text: str = ""
    mode: int = 0o644
    pax: dict[str, str] = field(default_factory=dict)


def layer(*members: Member) -> io.BytesIO:
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "link": tarfile.LNKTYPE}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.path)
            info.type, info.mode, info.pax_headers = kinds[member.kind], member.mode, dict(member.pax)
            content = member.text.encode() if member.kind == "file" else b""
            info.size = len(content)
            info.linkname = member.text if member.kind in ("symlink", "link") else ""
            tar.addfile(info, io.BytesIO(content))
    return target


def merged(*layers: io.BytesIO, bottom: bool = False) -> io.BytesIO:
    target = io.BytesIO()
    digest = merge(layers, target, bottom)
    assert digest == "sha256:" + hashlib.sha256(target.getvalue()).hexdigest()
    return target


def names(tar: io.BytesIO) -> list[str]:
    tar.seek(0)
    with tarfile.open(fileobj=tar) as opened:
        return opened.getnames()


Tree = dict[str, list[object]]
"""Path -> a file: kind, mode, content. Two paths with the same list are hard links of one another."""


def apply(tree: Tree, tar: io.BytesIO) -> Tree:
    """Apply a layer as the OCI specification says, in the plainest way: the reference for `merge`."""
    after = dict(tree)
    tar.seek(0)
    with tarfile.open(fileobj=tar) as opened:
        members = [
            (info.name.rstrip("/"), info, opened.extractfile(info) if info.isreg() else None)
            for info in opened
            if info.name != "."
        ]
    for path, _info, _content in members:
        folder, name = posixpath.split(path)
        if not name.startswith(".wh."):
            continue
        make_folder(after, folder)
        doomed = folder if name == ".wh..wh..opq" else posixpath.join(folder, name[4:])
        for other in list(after):
            if other.startswith(doomed + "/") or (other == doomed and name != ".wh..wh..opq"):
                del after[other]
    for path, info, content in members:
        folder, name = posixpath.split(path)
        if name.startswith(".wh."):
            continue
        make_folder(after, folder)
        if not (info.isdir() and path in after and after[path][0] == "dir"):
            for other in [other for other in after if other == path or other.startswith(path + "/")]:
                del after[other]
        if info.islnk():
            after[path] = after[info.linkname]
        elif info.isdir():
            after[path] = ["dir", info.mode, ""]
        elif info.issym():
            after[path] = ["symlink", info.mode, info.linkname]
        else:
            assert content
            after[path] = ["file", info.mode, content.read()]
    return after


def make_folder(tree: Tree, path: str) -> None:
    while path:
        tree.setdefault(path, ["dir", 0o755, ""])
        path = posixpath.dirname(path)


def comparable(tree: Tree) -> dict[str, object]:
    """Return what is at each path, and with which other paths it is one file."""
    return {path: (*node, tuple(sorted(other for other in tree if tree[other] is node))) for path, node in tree.items()}


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
MEMBERS = st.tuples(
    st.sampled_from(["file", "file", "dir", "dir", "symlink", "link", "whiteout", "whiteout", "opaque"]),
    PATHS,
    PATHS,
    st.integers(0, 3),
)
LAYERS = st.lists(MEMBERS, max_size=6)


def built(tree: Tree, drawn: list[tuple[str, str, str, int]]) -> io.BytesIO:
    """Return a layer of those drawn members that make sense on top of a tree, with the directories they need."""
    members: list[Member] = []
    for kind, path, other, number in sorted(drawn, key=lambda item: item[0] not in ("whiteout", "opaque")):
        folder, name = posixpath.split(path)
        place = path if kind == "opaque" else folder
        now = apply(tree, layer(*members))
        above = [place[:end] for end in range(1, len(place) + 1) if place[end : end + 1] in ("", "/")]
        if any(now.get(step, ["dir"])[0] != "dir" for step in above):
            continue
        if kind in ("whiteout", "opaque") and (path not in now or (kind == "opaque" and now[path][0] != "dir")):
            continue
        parents = [Member(step, "dir", mode=0o755) for step in above if step not in now and step != path]
        if kind == "whiteout":
            members.append(Member(posixpath.join(folder, ".wh." + name)))
        elif kind == "opaque":
            members.append(Member(path + "/.wh..wh..opq"))
        elif kind == "link":
            if other != path and now.get(other, ["dir"])[0] == "file" and not other.startswith(path + "/"):
                members += [*parents, Member(path, "link", other)]
        else:
            members += [*parents, Member(path, kind, f"{kind} {number}", 0o700 + number)]
    return layer(*members)


@settings(deadline=None)
@given(st.lists(LAYERS, min_size=3, max_size=5))
def test_the_merged_layer_does_what_the_layers_do_one_after_the_other(
    drawn: list[list[tuple[str, str, str, int]]],
) -> None:
    base = apply({}, built({}, drawn[0]))
    tree, layers = base, []
    for members in drawn[1:]:
        layers.append(built(tree, members))
        tree = apply(tree, layers[-1])
    try:
        whole = merged(*layers)
    except Fault as fault:
        if "is a hard link to" not in str(fault):
            raise
        event("a link into the base that cannot be kept")
        return
    assert comparable(apply(base, whole)) == comparable(tree)


@settings(deadline=None)
@given(st.lists(LAYERS, min_size=3, max_size=5))
def test_layers_without_links_into_the_base_can_always_be_merged(drawn: list[list[tuple[str, str, str, int]]]) -> None:
    tree: Tree = {}
    layers = []
    for members in drawn:
        layers.append(built(tree, members))
        tree = apply(tree, layers[-1])
    assert comparable(apply({}, merged(*layers))) == comparable(tree)
    root = merged(*layers, bottom=True)
    assert comparable(apply({}, root)) == comparable(tree)
    assert not [name for name in names(root) if ".wh." in name]


def test_what_a_later_layer_removes_is_not_in_the_merged_one() -> None:
    whole = merged(layer(Member("key", text="secret"), Member("kept")), layer(Member(".wh.key")))
    assert names(whole) == ["kept", ".wh.key"]
    assert b"secret" not in whole.getvalue()


def test_a_directory_that_was_replaced_hides_the_one_below() -> None:
    whole = merged(layer(Member(".wh.d")), layer(Member("d", "dir"), Member("d/new")))
    assert names(whole) == ["d", "d/.wh..wh..opq", "d/new"]


def test_a_file_that_became_a_directory_hides_a_directory_below() -> None:
    whole = merged(layer(Member("d")), layer(Member("d", "dir"), Member("d/new")))
    base: Tree = {"d": ["dir", 0o755, ""], "d/old": ["file", 0o644, b""]}
    assert sorted(apply(base, whole)) == ["d", "d/new"]


def test_a_whiteout_does_not_touch_what_stands_before_it_in_its_own_layer() -> None:
    whole = merged(layer(Member("d/old")), layer(Member("d", "dir"), Member("d/new"), Member("d/.wh..wh..opq")))
    assert names(whole) == ["d", "d/.wh..wh..opq", "d/new"]


def test_a_hard_link_keeps_the_content_of_a_file_that_a_later_layer_removes() -> None:
    whole = merged(
        layer(Member("first", text="content"), Member("second", "link", "first"), Member("third", "link", "first")),
        layer(Member(".wh.first")),
    )
    tree = apply({}, whole)
    assert tree["second"][2] == b"content"
    assert tree["second"] is tree["third"]
    assert "first" not in tree


def test_a_hard_link_to_a_file_of_the_base_stays_one() -> None:
    whole = merged(layer(Member("link", "link", "base-file")), layer(Member("other")))
    tree = apply({"base-file": ["file", 0o644, b"below"]}, whole)
    assert tree["link"] is tree["base-file"]


@pytest.mark.parametrize("change", [Member(".wh.base-file"), Member("base-file", text="new")])
def test_a_hard_link_to_a_file_of_the_base_that_goes_away_is_an_error_that_says_what_to_do(change: Member) -> None:
    with pytest.raises(Fault, match=r"link is a hard link to base-file .*squash: none or squash: all"):
        merged(layer(Member("link", "link", "base-file")), layer(change))


def test_extended_attributes_exact_times_and_odd_names_survive() -> None:
    attributes = {
        "SCHILY.xattr.security.capability": b"\x01\x00\x00\x02\x00\x20\xff\x00".decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.user.note": "größer\n",
        "mtime": "1700000000.123456789",
    }
    odd = b"latin-\xe9".decode("utf-8", "surrogateescape")
    whole = merged(layer(Member("ping", pax=attributes)), layer(Member(odd), Member("x" * 300, text="long")))
    whole.seek(0)
    with tarfile.open(fileobj=whole) as tar:
        ping = tar.getmember("ping")
        assert {key: ping.pax_headers[key] for key in attributes} == attributes
        assert tar.getmember(odd).isreg()
        long = tar.extractfile("x" * 300)
        assert long and long.read() == b"long"


def test_a_layer_may_leave_out_the_entries_of_directories() -> None:
    whole = merged(layer(Member("a/b/old"), Member("a/b/kept")), layer(Member("a/b/.wh.old"), Member("a/c/new")))
    assert names(whole) == ["a/b/kept", "a/b/.wh.old", "a/c/new"]


def test_an_opaque_marker_alone_leaves_the_attributes_of_the_directory_below() -> None:
    whole = merged(layer(Member("d/.wh..wh..opq")), layer(Member("other")))
    tree = apply({"d": ["dir", 0o700, ""], "d/old": ["file", 0o644, b""]}, whole)
    assert sorted(tree) == ["d", "other"]
    assert tree["d"][1] == 0o700


def test_leading_dots_and_slashes_name_the_same_path() -> None:
    whole = merged(layer(Member("./etc/motd", text="old")), layer(Member("/etc/motd", text="new")))
    assert names(whole) == ["etc/motd"]
    assert apply({}, whole)["etc/motd"][2] == b"new"


def test_the_attributes_of_the_root_itself_are_kept() -> None:
    whole = merged(layer(Member("./", "dir", mode=0o700)), layer(Member("a")))
    whole.seek(0)
    with tarfile.open(fileobj=whole) as tar:
        assert [(info.name, info.mode) for info in tar] == [(".", 0o700), ("a", 0o644)]


def test_a_path_that_leads_out_of_the_image_is_an_error() -> None:
    with pytest.raises(Fault, match="leads out of the image"):
        merged(layer(Member("../etc/passwd")), layer(Member("a")))


def test_the_same_layers_give_the_same_bytes() -> None:
    layers = [layer(Member("b"), Member("a")), layer(Member("c", "dir"), Member(".wh.a"))]
    assert merged(*layers).getvalue() == merged(*layers).getvalue()
