"""What is wrong with a spec is told in a person's words: all at once, with place, value and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goldsmith.errors import InputError
from goldsmith.spec import load
from goldsmith.targets.docker import target


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("layres: []\n", "1:1: unknown key 'layres' (did you mean 'layers'?)"),
        ("layers: []\nlayres: []\n", "2:1: unknown key 'layres' (did you mean 'layers'?)"),
        ("Name: x\n", "1:1: unknown key 'Name' (did you mean 'name'?)"),
        (
            "layers: [{role: a, xyzzy: 1}]\n",
            "1:20: unknown key 'xyzzy' in 'layers[0]' (keys here: tasks, name, vars, cache, checkpoint)",
        ),
        (
            "targets: {docker: {config: {commands: x}}}\n",
            "1:29: unknown key 'commands' in 'targets.docker.config' (keys here: cmd, entrypoint, env, workdir, user, ",
        ),
        (
            "platforms: {debian: {docker: {debootstrap: {suit: bookworm}}}}\n",
            "1:31: missing key 'suite' in 'platforms.debian.docker.debootstrap'",
        ),
        ("targets: {dokcer: }\n", "1:11: unknown target 'dokcer' (did you mean 'docker'?)"),
        ("targets: {ec2: {}}\n", "1:11: unknown target 'ec2' (installed targets: docker)"),
        ("platforms: {a: {ec2: {}, docker: {image: x}}}\n", "1:17: unknown target 'ec2' (installed targets: docker)"),
        ("name: Web Server\n", "1:7: 'name' cannot be 'Web Server' (lower-case letters and digits, with single"),
        ("name: 'web; rm -rf /'\n", "1:7: 'name' cannot be 'web; rm -rf /' (lower-case letters"),
        ("name: [a]\n", "1:7: 'name' takes text, not a list"),
        ("name:\n", "1:1: 'name' takes text, not nothing"),
        ("name: ''\n", "1:7: 'name' cannot be '' (lower-case"),
        (f"name: {'a' * 64}\n", "1:7: 'name': 'aaaa"),
        ("platforms: {Debian 12: {docker: {image: x}}}\n", "1:13: 'Debian 12' cannot be a key in 'platforms' (lower"),
        ("parameters: {a-b: 1}\n", "1:14: 'a-b' cannot be a key in 'parameters' (letters, digits and '_'"),
        ("layers: [{role: a, vars: {a-b: 1}}]\n", "1:27: 'a-b' cannot be a key in 'layers[0].vars' (letters, digits"),
        ("version: 'a b'\n", "1:10: 'version' cannot be 'a b' (letters, digits and . _ + -"),
        ("layers: {role: a}\n", "1:9: 'layers' takes a list, not a mapping"),
        ("layers: [nginx]\n", "1:10: 'layers[0]' takes a mapping, not 'nginx'"),
        ("layers: [{name: x}]\n", "1:10: 'layers[0]': give exactly one of: role, tasks"),
        ("layers: [{role: a, vars: [1]}]\n", "1:26: 'layers[0].vars' takes a mapping, not a list"),
        ("tests: [{}]\n", "1:9: 'tests[0]': give exactly one of: goss, testinfra, boot"),
        ("tests: [{testinfra: ., vars: {a: 1}}]\n", "1:9: 'tests[0]': 'vars' are for goss, so they stand beside it"),
        ("tests: [{boot: {testinfra: ., vars: {a: 1}}}]\n", "1:10: 'tests[0].boot': 'vars' are for goss, so they"),
        ("tests: [{boot: {}}]\n", "1:10: 'tests[0].boot': give at least one of: goss, testinfra"),
        ("tests: [{boot: }]\n", "1:9: 'tests[0]': give exactly one of: goss, testinfra, boot"),
        ("secrets: {a: {}}\n", "1:11: 'secrets.a': give exactly one of: env, vault, command"),
        ("secrets: {a: {env: A, key: b}}\n", "1:11: 'secrets.a': 'key' goes with 'vault'"),
        ("secrets: {a: {command: []}}\n", "1:15: 'secrets.a.command' is empty; give at least 1"),
        ("secrets: {a: {command: pass show x}}\n", "1:24: 'secrets.a.command' takes a list, not 'pass show x'"),
        ("targets: {}\n", "1:1: 'targets' is empty; give at least 1"),
        ("platforms: {}\n", "1:1: 'platforms' is empty; give at least 1"),
        ("platforms:\n", "1:1: 'platforms' takes a mapping, not nothing"),
        ("targets: docker\n", "1:10: 'targets' takes a mapping, not 'docker'"),
        ("targets: {docker: true}\n", "1:19: 'targets.docker' takes a mapping, not true"),
        ("platforms: {a: {docker: debian}}\n", "1:25: 'platforms.a.docker' takes a mapping, not 'debian'"),
        ("platforms: {a: {docker: }}\n", "1:17: 'platforms.a.docker': give exactly one of: image, debootstrap, from"),
        (
            "platforms: {a: {docker: {image: x, from: y}}}\n",
            "1:17: 'platforms.a.docker': give exactly one of: image, debootstrap, from",
        ),
        (
            "platforms: {a: {docker: {image: x, pull: allways}}}\n",
            "1:42: 'platforms.a.docker.pull' cannot be 'allways' (did you mean 'always'?)",
        ),
        ("targets: {docker: {push: 5}}\n", "1:26: 'targets.docker.push' takes true or false, not 5"),
        ("targets: {docker: {push: maybe}}\n", "1:26: 'targets.docker.push' takes true or false, not 'maybe'"),
        ("targets: {docker: {config: {cmd: {a: b}}}}\n", "1:34: 'targets.docker.config.cmd' takes a list or text, not"),
        ("targets: {docker: {config: {cmd: [[a]]}}}\n", "1:35: 'targets.docker.config.cmd[0]' takes text, not a list"),
        ("targets: {docker: {config: {env: [A=1]}}}\n", "1:34: 'targets.docker.config.env' takes a mapping, not a"),
        (
            "targets: {docker: {config: {healthcheck: {test: x, retries: many}}}}\n",
            "1:61: 'targets.docker.config.healthcheck.retries' takes a whole number, not 'many'",
        ),
        (
            "targets: {docker: {config: {healthcheck: {test: x, retries: 0}}}}\n",
            "1:61: 'targets.docker.config.healthcheck.retries': 0 should be greater than or equal to 1",
        ),
        (
            "targets: {docker: {config: {healthcheck: {test: x, interval: soon}}}}\n",
            "1:52: 'targets.docker.config.healthcheck.interval': give a number of seconds, or a number with ms, s, m",
        ),
        ("targets: {docker: {author: '{{ platfrom }}'}}\n", "1:28: undefined name 'platfrom' (did you mean 'platform"),
        ("targets: {docker: {push: '{{ x'}}\n", "1:26: '{{ x' cannot be read as a template: "),
        ("targets: {docker: {push: '{{ name }}'}}\n", "1:26: 'targets.docker.push' takes true or false, not 'web'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_problem_with_its_place_and_what_would_be_right(folder: Any, text: str, problem: str) -> None:
    problems = folder.problems(text)
    assert problems[0].startswith(f"web.yml:{problem}"), problems
    # A required key that is misspelt is missing besides.
    assert len(problems) == (2 if "missing key" in problem else 1), problems


def test_missing_keys_are_told(folder: Any) -> None:
    folder.write("web.yml", "description: x\n")
    with pytest.raises(InputError) as caught:
        load(folder.path / "web.yml", targets=folder.targets)
    assert [problem.message for problem in caught.value.problems] == [
        "missing key 'name'",
        "missing key 'platforms'",
        "missing key 'targets'",
    ]


def test_all_problems_are_told_in_the_order_of_the_file(folder: Any) -> None:
    problems = folder.problems(
        """
        nam: web
        layers:
          - rol: a
          - tasks: none.yml
          - role: "{{ nothing }}"
        tests: [{goss: none.goss}]
        targets: {docker: {push: 5, tags: 5}}
        """
    )
    assert [problem.split(":")[1] for problem in problems] == ["1", "3", "4", "5", "6", "7", "7"]


def test_builds_of_one_spec_do_not_repeat_a_problem(folder: Any) -> None:
    text = "platforms: {a: {docker: {image: x}}, b: {docker: {image: x}}}\ntargets: {docker: {push: 5}}\n"
    assert len(folder.problems(f"{text}layers: [{{role: '{{{{ x }}}}'}}, {{tasks: none.yml}}]\n")) == 3


def test_a_problem_has_the_value(folder: Any) -> None:
    with pytest.raises(InputError) as caught:
        folder.load("targets: {docker: {push: 5}}\n")
    (problem,) = caught.value.problems
    assert (problem.value, problem.line, problem.column) == (5, 1, 26)


def test_a_long_value_is_cut_short(folder: Any) -> None:
    (problem,) = folder.problems(f"targets: {{docker: {{push: {'x' * 500}}}}}\n")
    assert len(problem) < 200


def test_the_error_exits_with_the_status_of_wrong_input_and_shows_all(folder: Any) -> None:
    with pytest.raises(InputError) as caught:
        folder.load("a: 1\nb: 2\n")
    assert caught.value.exit_code == 2
    assert str(caught.value).count("unknown key") == 2


WORDS = """
name version extends parameters secrets platforms layers tests targets docker debian image from role tasks vars goss
boot testinfra env vault command config cmd env push tags a
"""
words = st.sampled_from(WORDS.split())
values = st.sampled_from(
    ["a", "'{{ name }}'", "'{{ x'", "'{{ 1/0 }}'", "{{ x }}", "1.10", "yes", "~", "''", "x/y", "*"]
)


def _inside(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    pairs = st.dictionaries(words, inner, max_size=4)
    return lists | pairs.map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}")


@given(st.binary(max_size=200) | st.recursive(values, _inside, max_leaves=15).map(str.encode))
@example(b"{parameters: {a: '{{ a }}'}, layers: [{vars: x}], tests: {a: b}, targets: {docker: [1]}, platforms: [a]}")
@example(b"{parameters: [a], secrets: x, layers: [[a]], tests: [1], targets: [docker], platforms: {a: [docker]}}")
@example(b"{name: {a: b}, parameters: {a: '{{ name.a }}'}, extends: {}}")
@example(b"{name: web, platforms: {a: {docker: '{{ {} }}'}}, targets: {docker: '{{ x }}'}, layers: '{{ name }}'}")
def test_any_file_is_a_spec_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = Path(tmp_path_factory.mktemp("any")) / "web.yml"
    path.write_bytes(content)
    try:
        loaded = load(path, {"a": "[1"}, {"docker": target})
    except InputError as error:
        told = [str(problem) for problem in error.problems]
    else:
        told = [loaded.spec.name]
    assert all(told)
    assert told
