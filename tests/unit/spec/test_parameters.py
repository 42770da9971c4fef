"""Parameters: values of the spec that are set from outside and used in any value."""

from __future__ import annotations

from typing import Any

import pytest

from goldsmith.spec import builds


def test_parameters_are_used_in_values_and_known_to_ansible(folder: Any) -> None:
    loaded = folder.load(
        """
        parameters: {port: 8080, url: "http://{{ name }}:{{ port }}/"}
        targets: {docker: {config: {expose: ["{{ port }}/tcp"], env: {URL: "{{ url }}", PORT: "{{ port }}"}}}}
        """,
        {"port": "80"},
    )
    config = loaded.spec.targets["docker"].config
    assert (config.expose, config.env) == (["80/tcp"], {"URL": "http://web:80/", "PORT": "80"})
    assert loaded.spec.parameters == {"port": 80, "url": "http://web:80/"}


@pytest.mark.parametrize(
    ("default", "given", "value"),
    [
        ("8080", "80", 80),
        ("8080", "abc", "abc"),
        ("8080", "'80'", "80"),
        ("8080", "", None),
        ("8080", "a: b", "a: b"),
        ("8080", "[1", "[1"),
        ("8080", "# no comment", "# no comment"),
        ("false", "yes", True),
        ("1.5", "2.25", 2.25),
        ("null", "10", 10),
        ("'8.1'", "8.10", "8.10"),
        ("'8.1'", "yes", "yes"),
        ("'8.1'", "'x'", "'x'"),
        ("[80]", "[80, 443]", [80, 443]),
        ("[80]", "8080", 8080),
        ("{a: 1}", "{a: {b: yes}}", {"a": {"b": True}}),
        ("1", "{{ name }}-x", "web-x"),
    ],
)
def test_set_is_read_as_the_parameter_it_replaces(folder: Any, default: str, given: str, value: Any) -> None:
    loaded = folder.load(f"parameters: {{a: {default}}}\n", {"a": given})
    assert loaded.spec.parameters["a"] == value
    assert isinstance(loaded.spec.parameters["a"], bool) == isinstance(value, bool)
    assert loaded.overrides == {"a": given}


@pytest.mark.parametrize("given", ["[80", "a: b: c", "*x", "[80]\n- 2", "\t[", "{a: 1, a: 2}", "!vault x"])
def test_set_of_a_list_that_is_no_yaml_is_told_about(folder: Any, given: str) -> None:
    (problem,) = folder.problems("parameters: {a: [1]}\n", {"a": given})
    assert problem.startswith("--set a: ")


def test_set_of_an_unknown_parameter_names_the_nearest(folder: Any) -> None:
    text = "parameters: {nginx_port: 80, team: web}\n"
    assert folder.problems(text, {"ngnix_port": "1", "zzz": "2"}) == [
        "--set ngnix_port: unknown parameter 'ngnix_port' (did you mean 'nginx_port'?)",
        "--set zzz: unknown parameter 'zzz' (parameters: nginx_port, team)",
    ]
    assert folder.problems("", {"a": "1"}) == ["--set a: unknown parameter 'a' (the spec has no parameters)"]


def test_a_parameter_uses_earlier_ones_only(folder: Any) -> None:
    assert folder.problems("parameters: {a: '{{ b }}', b: '{{ b }}', c: '{{ d }}'}\n") == [
        "web.yml:1:17: 'b' cannot be used here (it comes later; a parameter can use those before it, so move 'b' up)",
        "web.yml:1:31: 'b' cannot be used here (a parameter cannot use itself)",
        "web.yml:1:45: undefined name 'd' (known names: a, b, name)",
    ]


def test_a_failed_parameter_is_told_once(folder: Any) -> None:
    assert len(folder.problems("parameters: {a: '{{ 1 / 0 }}', b: '{{ a }}'}\ndescription: '{{ b }}{{ a }}'\n")) == 1


@pytest.mark.parametrize("name", ["name", "platform", "target", "version", "goldsmith_output", "class"])
def test_names_with_a_meaning_cannot_be_parameters(folder: Any, name: str) -> None:
    (problem,) = folder.problems(f"parameters: {{{name}: 1}}\n")
    assert problem.startswith(f"web.yml:1:14: a parameter cannot be named '{name}'")


def test_a_name_is_a_parameter_or_a_secret(folder: Any) -> None:
    text = "parameters: {a: 1}\nsecrets: {a: {env: A}}\n"
    assert folder.problems(text) == ["web.yml:1:14: 'a' is both a parameter and a secret (rename one of them)"]


def test_a_secret_cannot_be_used_in_values(folder: Any) -> None:
    text = "secrets: {pw: {env: PW}}\ntargets: {docker: {config: {env: {PW: '{{ pw }}'}}}}\n"
    (problem,) = folder.problems(text)
    assert "'pw' cannot be used here (secrets never go into a spec's own values" in problem


def test_variables_of_layers_and_tests_are_left_alone(folder: Any) -> None:
    folder.write("x.goss")
    spec = folder.load(
        """
        parameters: {port: 80}
        layers: [{role: a, vars: {b: "{{ port }}", c: ["{{ ansible_facts.x }}"], d: "{% if %}", e: 1.50}}]
        tests: [{goss: x.goss, vars: {p: "{{ port }}"}}, {boot: {goss: x.goss, vars: {p: "{{ .Vars }}"}}}]
        """
    ).spec
    assert spec.layers[0].vars == {"b": "{{ port }}", "c": ["{{ ansible_facts.x }}"], "d": "{% if %}", "e": 1.5}
    assert spec.tests[0].vars == {"p": "{{ port }}"}
    assert spec.tests[1].boot.vars == {"p": "{{ .Vars }}"}


@pytest.mark.parametrize("name", ["platform", "target", "version"])
@pytest.mark.parametrize(
    "text", ["parameters: {{a: '{}'}}\n", "description: '{}'\n", "secrets: {{a: {{env: '{}'}}}}\n"]
)
def test_what_only_a_build_knows_is_told_where_it_is_used_too_early(folder: Any, text: str, name: str) -> None:
    (problem,) = folder.problems(text.format(f"{{{{ {name} }}}}"))
    assert f"'{name}' cannot be used here ('{name}' is known" in problem


def test_version_is_known_to_targets_only(folder: Any) -> None:
    (problem,) = folder.problems("layers: [{role: '{{ version }}'}]\n")
    assert "'version' cannot be used here ('version' is known when a build starts: use it under targets)" in problem


def test_builds_know_their_platform_and_target(folder: Any) -> None:
    for name in ("a-docker.yml", "b-docker.yml"):
        folder.write(name)
    loaded = folder.load(
        """
        platforms: {a: {docker: {image: "x:{{ platform }}"}}, b: {docker: {image: "{{ target }}"}}}
        layers: [{tasks: "{{ platform }}-{{ target }}.yml"}]
        targets: {docker: {repository: "{{ name }}-{{ platform }}"}}
        """
    )
    first, second = builds(loaded)
    assert (first.source.model_dump()["image"], second.source.model_dump()["image"]) == ("x:a", "docker")
    assert [build.layers[0].tasks for build in (first, second)] == [
        str(folder.path / "a-docker.yml"),
        str(folder.path / "b-docker.yml"),
    ]
    assert [build.options("1").model_dump()["repository"] for build in (first, second)] == ["web-a", "web-b"]


def test_a_file_that_only_one_platform_lacks_is_a_problem(folder: Any) -> None:
    folder.write("a.yml")
    text = "platforms: {a: {docker: {image: x}}, b: {docker: {image: x}}}\nlayers: [{tasks: '{{ platform }}.yml'}]\n"
    assert folder.problems(text) == ["web.yml:2:18: no file of tasks 'b.yml' (looked for b.yml)"]
