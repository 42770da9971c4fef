"""No secret survives in what is shown or recorded."""

from __future__ import annotations

import base64
import json
import shlex
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from goldsmith.spec import Mask
from goldsmith.spec.mask import MASKED

SECRET = 'p@ss \'w\\o"rd"/é€😀$x&%`\t!'

FORMS = {
    "as it is": lambda text: text,
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"a": json.dumps([text])}),
    "JSON in JSON, not only ASCII": lambda text: json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False),
    "Python": repr,
    "Python, in a list": lambda text: repr(["'", text]),
    "Python, in a text with quotes": lambda text: repr(f"it's {text}"),
    "YAML": lambda text: yaml.safe_dump([text], width=10000),
    "YAML, Unicode": lambda text: yaml.safe_dump([text], allow_unicode=True, width=10000),
    "YAML, double quotes": lambda text: yaml.safe_dump([text], default_style='"', width=10000),
    "YAML, single quotes": lambda text: yaml.safe_dump([text], default_style="'", allow_unicode=True, width=10000),
    "shell": shlex.quote,
    "shell, in a command": lambda text: shlex.join(["echo", f"--password={text}"]),
    "shell, twice": lambda text: f"'{text.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'",
    "URL": lambda text: quote(text, safe=""),
    "URL, slashes kept": quote,
    "URL, form": quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [SECRET, "it's zz", 'say "zz"', "zz\\n", "zz"])
def test_a_secret_is_masked_in_every_form(form: str, secret: str) -> None:
    shown = Mask([secret]).text(f"before {FORMS[form](secret)} after")
    assert MASKED in shown
    assert "zz" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "x", "\n", "@host"])
def test_a_secret_is_masked_in_the_base64_of_a_longer_text(before: str, after: str) -> None:
    secret = "correct-horse-battery"
    code = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    shown = Mask([secret]).text(f"Authorization: Basic {code}")
    assert MASKED in shown
    # What is left shares too few characters with the code to say anything of the secret.
    rest = shown.removeprefix("Authorization: Basic ").replace(MASKED, "")
    assert len(rest) <= len(code) - len(secret)


def test_base64_that_is_broken_into_lines_is_masked_line_by_line() -> None:
    secret = "".join(chr(33 + number % 90) for number in range(300))
    mask = Mask([secret])
    code = base64.encodebytes(secret.encode()).decode()
    assert {mask.text(line) for line in code.splitlines()} == {MASKED}


def test_a_secret_of_several_lines_is_masked_in_a_stream() -> None:
    key = "-----BEGIN KEY-----\n  MIIEvQIBADANBg\n\nabc\n-----END KEY-----\n"
    mask = Mask([key])
    assert mask.text(f"key: {key}.") == f"key: {MASKED}."
    assert [mask.text(f"    {line.strip()}") for line in key.splitlines()] == [
        f"    {MASKED}",
        f"    {MASKED}",
        "    ",
        "    abc",  # too short to say anything, and too common to hide everywhere
        f"    {MASKED}",
    ]


def test_white_space_around_a_secret_does_not_matter() -> None:
    assert Mask(["s3cret\n"]).text("is s3cret.") == f"is {MASKED}."


def test_the_longest_secret_goes_first_and_overlapping_ones_go_together() -> None:
    mask = Mask(["pass", "password", "wordplay"])
    assert mask.text("a password and a pass") == f"a {MASKED} and a {MASKED}"
    assert mask.text("a passwordplay") == f"a {MASKED}"


def test_a_secret_that_overlaps_itself_goes_as_a_whole() -> None:
    assert Mask(["abab"]).text("ababab") == MASKED


def test_one_secret_beside_another_is_masked() -> None:
    assert "b" not in Mask(["aab", "ba"]).text("aabba").replace(MASKED, "")


def test_nested_data_keeps_its_shape() -> None:
    mask = Mask(["s3cret", "12345", "7"])
    data: Any = {
        "msg": "is s3cret",
        "s3cret": [1, 12345, 7, True, None, ("s3cret", 1.5)],
        "deep": {"er": [{"x": "a s3cret"}]},
    }
    assert mask.data(data) == {
        "msg": f"is {MASKED}",
        MASKED: [1, MASKED, 7, True, None, (MASKED, 1.5)],
        "deep": {"er": [{"x": f"a {MASKED}"}]},
    }


def test_without_secrets_nothing_changes() -> None:
    for values in ([], [""], ["  ", "\n"]):
        assert Mask(values).text("any  text\n") == "any  text\n"


def test_text_without_a_secret_is_the_same() -> None:
    assert Mask(["s3cret"]).text("s3cre t, S3CRET") == "s3cre t, S3CRET"


secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip()) and text not in MASKED * 2
)


@given(st.lists(secrets, min_size=1, max_size=4), st.lists(st.text(max_size=10), min_size=5, max_size=5), st.data())
@example(["ab", "bc"], ["", "", "", "", ""], None)
def test_no_secret_survives_whatever_is_around_it(values: list[str], around: list[str], data: Any) -> None:
    mask = Mask(values)
    chosen = values if data is None else [data.draw(st.sampled_from(values)) for _ in range(4)]
    text = around[0] + "".join(secret + filler for secret, filler in zip(chosen, around[1:], strict=False))
    shown = mask.text(text)
    for piece in shown.split(MASKED):
        for secret in values:
            assert secret.strip() not in piece


@given(secrets, st.sampled_from(sorted(FORMS)))
def test_no_form_of_a_secret_survives(secret: str, form: str) -> None:
    written = FORMS[form](secret)
    # YAML breaks lines where a text has them, and so writes another text.
    assume(form.partition(",")[0] != "YAML" or secret.isprintable())
    assume(form != "Python, in a text with quotes" or '"' not in secret or "'" in secret)
    assert secret.strip() not in Mask([secret]).text(written).replace(MASKED, "") or secret.strip() in form
    if len(secret.strip()) > 5:
        assert MASKED in Mask([secret]).text(written)


@given(st.text(max_size=50), secrets)
def test_what_is_masked_stays_masked(text: str, secret: str) -> None:
    mask = Mask([secret])
    assert mask.text(mask.text(text)) == mask.text(text)
