"""Expressions in the values of a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.errors import Problem
from goldsmith.spec.node import Mark, wrap
from goldsmith.spec.scalars import WrittenFloat
from goldsmith.spec.template import Names, render

MARK = Mark(Path("web.yml"), 3, 5)
KNOWN = {
    "port": 80,
    "name": "web",
    "ports": [80, 443],
    "on": True,
    "tls": {"port": 443},
    "php": WrittenFloat.of(8.1, "8.10"),
}


def rendered(value: Any, names: Names | None = None) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    result = render(wrap(value, MARK), names or Names(KNOWN), problems).plain()
    return result, problems


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("plain", "plain"),
        ("{{ port }}", 80),
        ("{{port}}", 80),
        ("{{- port -}}", 80),
        ("{{ ports }}", [80, 443]),
        ("{{ on }}", True),
        ("{{ on and port == 80 }}", True),
        ("{{ tls.port }}", 443),
        ("{{ {'a': port} }}", {"a": 80}),
        ("{{ none }}", None),
        ("{{ '8080' }}", "8080"),
        ("{{ port }}/tcp", "80/tcp"),
        ("{{ port }}{{ name }}", "80web"),
        ("{{ name | upper }}", "WEB"),
        ("{{ ports | join(',') }}", "80,443"),
        ("{{ 'yes' if on else 'no' }}", "yes"),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }} .Names }}", "{{ .Names }}"),
        ("php{{ php }}", "php8.10"),
        ("{{ port }}\n", "80\n"),
        ("${#array[@]} {% raw %} {# text #}", "${#array[@]} {% raw %} {# text #}"),
        ("{{ 2 ** 10 * port }}", 81920),
        (["{{ port }}", {"{{ key }}": "{{ name }}"}], [80, {"{{ key }}": "web"}]),
        (5, 5),
    ],
)  # fmt: skip
def test_expressions_are_rendered_and_a_value_that_is_one_keeps_its_type(template: Any, result: Any) -> None:
    found, problems = rendered(template)
    assert not problems
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ prot }}", "undefined name 'prot' (did you mean 'port'?)"),
        ("{{ xyzzy }}", "undefined name 'xyzzy' (known names: port, name, ports, on, tls, php)"),
        ("{{ xyzzy | default(1) }}", "undefined name 'xyzzy'"),
        ("{{ tls.prot }}", "'dict object' has no attribute 'prot'"),
        ("{{ port", "cannot be read as a template: unexpected end of template"),
        ("{{ .Names }}", "literal braces are written {{ '{{' }}"),
        ("{{ }}", "cannot be read as a template"),
        ("{{ name | to_nice_yaml }}", "Jinja2's own filters only; Ansible's work under 'vars'"),
        ("{{ ports | random }}", "No filter named 'random'"),
        ("{{ lookup('env', 'HOME') }}", "undefined name 'lookup'"),
        ("{{ range(9) }}", "undefined name 'range'"),
        ("{{ name + 1 }}", "can only concatenate str"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ name.upper }}", "no plain data"),
        ("{{ ports | map('upper') }}", "no plain data"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ name.__class__ }}", "unsafe"),
        ("{{ ports.append(1) }}", "unsafe"),
        ("{{ 9 ** 9 ** 9 }}", "the power is too large"),
        ("{{ 'x' * 1000000000 }}", "the repetition is too long"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "nested too deep"),
    ],
)  # fmt: skip
def test_an_expression_that_cannot_be_rendered_is_told_with_its_place(template: str, message: str) -> None:
    found, problems = rendered(template)
    assert found == template
    assert len(problems) == 1
    assert str(problems[0]).startswith("web.yml:3:5: ")
    assert message in str(problems[0])


def test_every_undefined_name_of_a_value_is_told() -> None:
    _, problems = rendered("{{ a }}{{ b }}{{ a }}")
    assert [problem.message for problem in problems] == ["undefined name 'a'", "undefined name 'b'"]


def test_a_name_that_means_something_elsewhere_is_told_apart_from_an_unknown_one() -> None:
    _, problems = rendered("{{ version }}", Names(KNOWN, {"version": "use it under targets"}))
    assert "'version' cannot be used here (use it under targets)" in str(problems[0])


@given(st.text(alphabet=st.sampled_from(list("{}%#'\"|()[].,+-*/~ \naport1")), max_size=40))
def test_any_text_is_rendered_or_told_about(text: str) -> None:
    found, problems = rendered(text)
    assert bool(problems) <= (found == text)
