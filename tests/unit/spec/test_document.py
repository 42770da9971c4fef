"""The text of a spec file becomes plain data with places, or a message; never anything else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goldsmith.errors import InputError
from goldsmith.spec.document import MAX_BYTES, MAX_DEPTH, parse
from goldsmith.spec.node import Mark

FILE = Path("web.yml")
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 12))


def refusal(content: bytes | str) -> str:
    with pytest.raises(InputError) as caught:
        parse(content, FILE)
    return str(caught.value)


def test_every_value_knows_where_it_stands() -> None:
    tree = parse("name: web\nlayers:\n  - role: nginx\n    vars: {port: 80}\n", FILE)
    port = tree.get("layers", 0, "vars", "port")
    assert port is not None
    assert (port.plain(), port.mark, port.key) == (80, Mark(FILE, 4, 18), Mark(FILE, 4, 12))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"web\.yml: is empty"),
        ("# only a comment\n", r"web\.yml: is empty"),
        ("- a\n- b\n", r"1:1: is not a mapping"),
        ("just text", r"1:1: is not a mapping"),
        ("name: web\n\tversion: 1\n", r"2:1: .*spaces; YAML forbids tabs"),
        ("name: [", r"1:8: "),
        ("a: b: c", r"1:5: mapping values are not allowed here \(a value that holds ': ' needs quotes"),
        ('a: "\\q"', r"1:6: .*use single quotes"),
        ("name: a\nname: b\n", r"2:1: key 'name' is given twice \(first on line 1\)"),
        ("a: {b: 1, 'b': 2}", r"1:11: key 'b' is given twice"),
        ("a: 1\n---\nb: 2\n", r"2:1: .*a spec is one document"),
        ("---\n---\n", r"2:1: .*a spec is one document"),
        ("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", r"1:4: the tag !vault is not allowed.*under 'secrets'"),
        ("a: !!python/object/apply:os.system [x]", r"1:4: the tag !!python/object/apply:os\.system is not allowed"),
        ("a: !!binary aGVsbG8=", r"1:4: the tag !!binary is not allowed"),
        ("!!set {a, b}", r"1:1: the tag !!set is not allowed"),
        ("1: a", r"1:1: key 1 is not text \(put it in quotes: '1'\)"),
        ("true: a", r"1:1: key true is not text"),
        ("~: a", r"1:1: key ~ is not text"),
        ("? [a, b]\n: c", r"1:3: a key must be a word"),
        ("a: {{ name }}", r"1:5: a key must be a word, .*\(a text that begins with \{\{ needs quotes"),
        ("a: *nothing", r"1:4: found undefined alias 'nothing'"),
        ("a: &a [*a]", r"1:4: an alias names what it stands in"),
        ("a: &a {b: *a}", r"1:4: an alias names what it stands in"),
        ("a: {<<: 5}", r"1:5: '<<' needs a mapping"),
        ("a: {<<: [5]}", r"1:5: '<<' needs a mapping"),
        ("a: .inf", r"1:4: \.inf is no number that can be passed on"),
        ("a: 1e999", r"1:4: 1e999 is no number"),
        (f"a: {'9' * 5000}", r"1:4: a number of 5000 digits"),
        ("a: !!int x", r"1:4: 'x' is no int"),
        ('a: "\\ud800"', r"1:4: half of a surrogate pair"),
        ("name: web\na: \0", r"2:4: the character U\+0000 is not allowed"),
        (b"name: web\na: \xff", r"2:4: is not UTF-8 text: byte 0xff \(save it as UTF-8\)"),
        ("name: web".encode("utf-16"), r"1:1: is not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\0\0\0", r"1:1: "),
        (b"x" * (MAX_BYTES + 1), r"is larger than 128 KiB"),
        (LAUGHS, r"has more than 20000 values, with its aliases written out"),
        ("a: " + "[" * 5000, r"nested deeper than 40 levels"),
        ("a: " + "{b: " * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), r"nested deeper than 40 levels"),
        ("- " * 5000, r"nested deeper than 40 levels"),
    ],
)  # fmt: skip
def test_what_is_no_spec_is_refused_with_its_place(content: bytes | str, message: str) -> None:
    assert re.search(message, refusal(content)), refusal(content)


def test_nesting_through_aliases_is_limited_too() -> None:
    links = [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 60)]
    assert f"nested deeper than {MAX_DEPTH} levels" in refusal("\n".join(["a0: &a0 [x]", *links]))


def test_everything_wrong_with_the_data_is_told_at_once() -> None:
    assert refusal("a: 1\na: 2\nb: !x 1\n3: c\n").count("\n") == 2


def test_anchors_and_merge_keys_work_and_explicit_keys_win() -> None:
    tree = parse("base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nuse:\n  a: 9\n  <<: [*base, *more]\n", FILE)
    assert tree.plain()["use"] == {"a": 9, "b": 2, "c": 4}


def test_an_aliased_value_stands_where_it_was_written() -> None:
    tree = parse("a: &x {b: 1}\nc: *x\n", FILE)
    aliased = tree.get("c", "b")
    assert aliased is not None and aliased.mark.line == 1


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbfname: web", FILE).plain() == {"name": "web"}


def test_a_quoted_merge_sign_is_an_ordinary_key() -> None:
    assert parse('a: {"<<": 1}', FILE).plain() == {"a": {"<<": 1}}


@pytest.mark.parametrize(
    ("text", "in_spec", "in_vars"),
    [
        ("yes", "yes", True),
        ("NO", "NO", False),
        ("off", "off", False),
        ("True", True, True),
        ("y", "y", "y"),
        ("~", None, None),
        ("", None, None),
        ("10", 10, 10),
        ("0644", 644, 420),
        ("0o17", 15, "0o17"),
        ("0x1F", 31, 31),
        ("0b11", "0b11", 3),
        ("1_000", "1_000", 1000),
        ("12:30", "12:30", 750),
        ("-5", -5, -5),
        ("08", 8, "08"),
        ("1.5", 1.5, 1.5),
        ("1e3", 1000.0, "1e3"),
        (".5", 0.5, 0.5),
        ("1.2.3", "1.2.3", "1.2.3"),
        ("2026-11-22", "2026-11-22", "2026-11-22"),
        ("'yes'", "yes", "yes"),
        ('"10"', "10", "10"),
        ("!!str 10", "10", "10"),
        ("!!float 1", 1.0, 1.0),
    ],
)
def test_scalars_mean_what_yaml_1_2_says_and_in_vars_what_ansible_reads(text: str, in_spec: Any, in_vars: Any) -> None:
    def found(*steps: str | int) -> Any:
        node = tree.get(*steps)
        assert node is not None
        return node.plain()

    tree = parse(f"a: {text}\nparameters: {{a: {text}}}\nlayers: [{{vars: {{a: {text}}}}}]\n", FILE)
    for value, expected in [
        (found("a"), in_spec),
        (found("parameters", "a"), in_vars),
        (found("layers", 0, "vars", "a"), in_vars),
    ]:
        assert value == expected
        assert isinstance(value, bool) == isinstance(expected, bool)


def test_ansible_reads_vars_the_same_way() -> None:
    """The words of the table above, read by the very function that reads playbooks."""
    from ansible.parsing.utils.yaml import from_yaml

    text = "a: [yes, NO, off, True, y, ~, 10, 0644, 0o17, 0x1F, 0b11, 1_000, 12:30, -5, 08, 1.5, 1e3, .5, 1.2.3]"
    ours = parse(f"parameters:\n  {text}\n", FILE).plain()["parameters"]["a"]
    theirs = from_yaml(text)["a"]
    assert [(type(value) is bool, value) for value in ours] == [(type(value) is bool, value) for value in theirs]


def test_a_number_remembers_how_it_was_written() -> None:
    assert [str(value) for value in parse("a: [1.10, 0644, 1e3]", FILE).plain()["a"]] == ["1.10", "0644", "1e3"]


yaml_like = st.text(alphabet=st.sampled_from(list("ab1:-[]{},&*!|>'\"%@`#?~<=. \n\t\\x0")), max_size=60)


any_text = st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(st.one_of(st.binary(max_size=200), yaml_like.map(str.encode), any_text))
@example(b"%YAML 1.1\n---\na: yes\n")
@example(b"%YAML 9.9\n---\na: 1\n")
@example(b"%TAG ! tag:x,2000:\n---\na: !b 1\n")
@example(b"a: !<tag:yaml.org,2002:int> [1]\n")
@example(b"? !!map {a: b}\n: c\n")
@example(b"a: &x 1\nb: &x 2\nc: *x\n")
def test_any_bytes_are_nodes_or_an_input_error(content: bytes) -> None:
    try:
        tree = parse(content, FILE)
    except InputError as error:
        places = [problem.file for problem in error.problems]
        str(error).encode()
    else:
        places = [str(tree.mark.file)]
        assert isinstance(tree.plain(), dict)
    assert places
    assert set(places) == {"web.yml"}
