"""`goldsmith plan` over recorded images and a real, signed archive; nothing is built."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.roles.archive import Server
from tests.unit.patching.archives import TextArchive

from goldsmith import cli
from goldsmith.errors import InputError
from goldsmith.patching.index import Archive
from goldsmith.planning import planned, started_from, went_in
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult, Package, Source
from goldsmith.spec import builds, load
from goldsmith.spec.folder import specs_in

SPEC = "name: {name}\nplatforms: {{debian-12: {{docker: {{{source}}}}}}}\ntargets: {{docker: {{}}}}\n"
GOLDBAR = Package("deb", "goldbar", "1.0", "amd64", "gold", "1.0")


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    return tmp_path / "specs"


@pytest.fixture
def goldsmith(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name, value in {"GOLDSMITH_HOME": str(root), "GOLDSMITH_CVE_DATA": "none"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")  # no engine: bases cannot be looked up

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli.main, list(map(str, arguments)))

    return run


@pytest.fixture
def record(goldsmith: object, specs: Path, archive: Archive) -> Callable[..., Path]:
    """Records an image of a spec, which is written."""
    count = iter(range(1, 99))

    def make(
        name: str,
        source: str = "image: debian",
        packages: tuple[Package, ...] = (GOLDBAR,),
        archives: tuple[Archive, ...] = (archive,),
        overrides: Mapping[str, str] | None = None,
        extra: str = "",
    ) -> Path:
        path = specs / f"{name}.yml"
        path.write_text(SPEC.format(name=name, source=source) + extra)
        number = f"20261122T1200{next(count):02}-00000000"
        sources: Any = [{"uri": one.uri, "suite": one.suite, "components": list(one.components)} for one in archives]
        with Registry.open() as registry:
            build = builds(load(path, overrides or {}))[0]
            version = registry.new_version(name, "print")
            registry.start_build(
                version,
                number,
                platform="debian-12",
                target="docker",
                spec=path,
                ingredients=went_in(planned(build, "1", registry, require_parent=False)),
            )
            now = datetime.now(UTC)
            parent = source.partition("from: ")[2].strip('"')
            base = started_from(parent, "debian-12", "docker", registry) if parent else None
            done = BuildResult(
                number, name, version.label, "debian-12", "docker", "built", now, now,
                source=Source(base.identity if base else "sha256:base"),
                artifact=Artifact("docker", f"sha256:{number}", details={"package_sources": sources}),
                packages=packages,
            )  # fmt: skip
            registry.finish_build(number, done)
        return path

    return make


def verdicts(done: Result) -> dict[str, dict[str, Any]]:
    return {one["build"].partition("/")[0]: one for one in json.loads(done.stdout)}


def test_all_that_is_recorded_is_judged_when_no_spec_is_named(
    goldsmith: Callable[..., Result], record: Callable[..., Path], published: TextArchive
) -> None:
    record("fresh")
    record("old", packages=(Package("deb", "goldbar", "0.9", "amd64", "gold", "0.9"),))
    record("gone").unlink()
    assert goldsmith("plan").exit_code == 0
    done = goldsmith("plan", "--exit-code", "--json")
    found = verdicts(done)
    assert done.exit_code == 4
    assert {name: one["state"] for name, one in found.items()} == {"fresh": "fresh", "old": "rebuild", "gone": "fresh"}
    assert "gone.yml is not there any more" in found["gone"]["notes"][0]
    assert found["old"]["packages"]["updates"][0] == {
        "package": "goldbar",
        "installed": "0.9",
        "candidate": "1.0",
        "security": False,
        "cves": [],
    }
    shown = goldsmith("plan").stdout
    assert "1 package out of date" in shown and "1 rebuild, 2 fresh" in shown


def test_an_archive_that_fails_leaves_its_images_unknown_and_is_told(
    goldsmith: Callable[..., Result], record: Callable[..., Path], archive: Archive, published: TextArchive
) -> None:
    record("good")
    record("bad", archives=(archive, Archive(archive.uri, "missing", ("main",))))
    done = goldsmith("plan", "--json")
    assert {name: one["state"] for name, one in verdicts(done).items()} == {"good": "fresh", "bad": "unknown"}
    assert done.exit_code == 3
    assert "not every image could be judged" in done.stderr and "missing/InRelease" in done.stderr


def test_what_was_kept_is_used_when_asked_and_its_age_is_told(
    goldsmith: Callable[..., Result], record: Callable[..., Path], server: Server
) -> None:
    record("web")
    assert goldsmith("plan").exit_code == 0
    server.failures = 1000
    refused = goldsmith("plan")
    assert refused.exit_code == 3 and "--offline takes what was fetched" in refused.stderr
    offline = goldsmith("plan", "--offline", "--exit-code")
    assert offline.exit_code == 0
    assert "debian bookworm as it was just now" in offline.stdout and "no base was looked up" in offline.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"packages": (Package("rpm", "bash", "5", "x86_64", "bash", "5"),)}, "of the kind rpm"),
        ({"archives": ()}, "where its packages are from is not recorded"),
    ],
)
def test_packages_that_cannot_be_judged_are_not_called_fresh(
    goldsmith: Callable[..., Result], record: Callable[..., Path], given: dict[str, Any], said: str
) -> None:
    record("web", **given)
    done = goldsmith("plan")
    assert done.exit_code == 3 and said in done.stderr


def test_an_image_without_a_package_database_has_none_to_judge(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    record("scratch", packages=(), archives=())
    found = verdicts(goldsmith("plan", "--json"))["scratch"]
    assert (found["state"], found["packages"]) == ("fresh", None)


def test_a_child_is_built_anew_with_its_parent_and_when_that_was(
    goldsmith: Callable[..., Result], record: Callable[..., Path], specs: Path
) -> None:
    record("base")
    record("child", "from: base")
    (specs / "base.yml").write_text((specs / "base.yml").read_text() + "parameters: {port: 80}\n")
    found = verdicts(goldsmith("plan", specs, "--json"))
    assert [reason["text"] for reason in found["base"]["reasons"]] == ["parameter port is new"]
    assert [reason["text"] for reason in found["child"]["reasons"]] == [
        "its base base/debian-12/docker is to be built anew"
    ]
    record("base")
    found = verdicts(goldsmith("plan", specs / "child.yml", "--json"))
    assert [reason["text"] for reason in found["child"]["reasons"]] == ["its base was built anew: base@2"]


def test_a_child_of_a_revoked_image_is_built_anew_and_then_fresh(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    record("base")
    record("base")
    child = record("child", "from: base")
    assert goldsmith("images", "revoke", "base@2", "--reason", "a key in it").exit_code == 0
    (reason,) = verdicts(goldsmith("plan", child, "--json"))["child"]["reasons"]
    assert reason["text"] == "its base is revoked: base@2, a key in it"
    (revoked, *_) = verdicts(goldsmith("plan", "--json"))["base"]["reasons"]
    assert revoked["text"] == "version 2 is revoked: a key in it"
    record("child", "from: base")  # on base@1, as a build would
    assert verdicts(goldsmith("plan", child, "--json"))["child"]["state"] == "fresh"


def test_a_child_that_says_which_version_it_starts_from_keeps_to_it(
    goldsmith: Callable[..., Result], record: Callable[..., Path], specs: Path
) -> None:
    record("base")
    record("child", 'from: "base@1"')
    record("base")
    (specs / "base.yml").write_text((specs / "base.yml").read_text() + "parameters: {port: 80}\n")
    found = verdicts(goldsmith("plan", specs, "--json"))
    assert (found["base"]["state"], found["child"]["state"]) == ("rebuild", "fresh")


def test_an_image_is_judged_with_the_parameters_it_was_built_with(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    path = record("web", overrides={"port": "81"}, extra="parameters: {port: 80}\n")
    assert verdicts(goldsmith("plan", "--json"))["web"]["state"] == "fresh"
    (reason,) = verdicts(goldsmith("plan", path, "--json"))["web"]["reasons"]
    assert reason["text"] == "parameter port changed"


def test_a_spec_that_is_wrong_now_is_told_and_the_rest_is_judged(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    record("web").write_text("name: [")
    (found,) = verdicts(goldsmith("plan", "--json")).values()
    assert found["state"] == "fresh" and "its spec is wrong" in found["notes"][0]


def test_a_base_that_cannot_be_looked_up_is_said(goldsmith: Callable[..., Result], record: Callable[..., Path]) -> None:
    record("web")
    (found,) = verdicts(goldsmith("plan", "--json")).values()
    assert "no Docker engine answers" in found["notes"][0]


def test_a_spec_is_shown_with_what_its_build_would_do_and_the_verdict(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    shown = goldsmith("plan", record("web")).stdout
    assert "web/debian-12/docker, version 2" in shown and "source   image debian" in shown
    assert "  verdict  fresh" in shown


def test_nothing_is_built_when_nothing_is_out_of_date(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    record("web")
    done = goldsmith("build", "--outdated")
    assert (done.exit_code, done.stdout) == (0, "") and "Nothing is out of date." in done.stderr


def test_an_outdated_image_whose_spec_is_gone_is_named(
    goldsmith: Callable[..., Result], record: Callable[..., Path]
) -> None:
    record("web", packages=(Package("deb", "goldbar", "0.9", "amd64", "gold", "0.9"),)).unlink()
    done = goldsmith("build", "--outdated")
    assert "web/debian-12/docker cannot be built: 1 package out of date" in done.stderr
    assert "web.yml is not there any more" in done.stderr


def test_options_that_choose_among_builds_need_specs(goldsmith: Callable[..., Result]) -> None:
    assert goldsmith("plan", "--only", "x").exit_code == 2
    assert goldsmith("build", "--outdated", "--resume", "x").exit_code == 2


def test_the_specs_of_a_folder_are_the_files_that_are_specs(specs: Path) -> None:
    files = {
        "web.yml": SPEC.format(name="web", source="image: debian"),
        "child.yaml": "name: child\nextends: web.yml\n",
        "wrong.yml": "name: x\nplatforms: [",
        "base.yml": "layers: []\n",
        "site.yml": "- hosts: all\n",
        "template.yml": "{% if x %}",
        "notes.txt": "name: x\nplatforms: {}\n",
        "deeper/other.yml": "name: x\nplatforms: {}\n",
    }
    for name, text in files.items():
        (specs / name).parent.mkdir(exist_ok=True)
        (specs / name).write_text(text)
    assert [path.name for path in specs_in([specs, specs / "web.yml"])] == ["child.yaml", "web.yml", "wrong.yml"]
    with pytest.raises(InputError, match="there is no spec in the folder"):
        specs_in([specs / "deeper", specs.parent])
