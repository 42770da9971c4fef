from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from goldsmith.cli import main
from goldsmith.evidence.provenance import Inputs
from goldsmith.evidence.signing import KEY, make_key, signer
from goldsmith.record import record
from goldsmith.registry import Registry
from goldsmith.result import BuildResult

from .builds import ami, build

Attest = Callable[..., Result]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GOLDSMITH_REGISTRY", raising=False)
    make_key(tmp_path / "key", {})
    make_key(tmp_path / "other", {})
    with Registry.open() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The directory of the build that `written` records."""
    return tmp_path / "home" / "builds" / build().build


def written(registry: Registry, folder: Path, result: BuildResult | None = None, *, signed: bool = True) -> BuildResult:
    """Record a build as a run does, and write its evidence."""
    result = result or build()
    version = registry.new_version(result.name, "f")
    registry.start_build(version, result.build, platform=result.platform, target=result.target, spec="web.yml")
    registry.finish_build(result.build, result)
    write(registry, folder, result, signed=signed)
    return result


def write(registry: Registry, folder: Path, result: BuildResult, *, signed: bool = True) -> None:
    spec: Any = SimpleNamespace(parameters={}, secrets={})
    loaded: Any = SimpleNamespace(spec=spec, files=[], directory=folder, path=Path("web.yml"))
    by = signer({KEY: str(folder.parents[2] / "key")}) if signed else None
    record(folder.parent / result.build, loaded, result, registry, given=Inputs("web.yml"), signer=by)


@pytest.fixture
def attest(tmp_path: Path, registry: Registry) -> Attest:
    def run(name: object, *options: str, key: str = "key.pub", code: int = 0) -> Result:
        done = CliRunner().invoke(main, ["attest", "verify", str(name), "--key", str(tmp_path / key), *options])
        assert done.exit_code == code, done.output
        return done

    return run


def test_evidence_that_nobody_touched_is_verified(registry: Registry, folder: Path, attest: Attest) -> None:
    build = written(registry, folder).build
    for name in (build, "web/debian-12/docker", folder / "provenance.dsse.json"):
        shown = attest(name).stdout
        assert f"{build}: verified" in shown
        for what in ("signature", "provenance.json", "sbom.cdx.json", "manifest.json", "compliance.json", "artifact"):
            assert f"  {what} " in shown
    told = json.loads(attest(build, "--json").stdout)
    assert told["verified"] and {check["state"] for check in told["checks"]} == {"good"}


def test_an_ami_is_verified_by_what_is_recorded_of_it(registry: Registry, folder: Path, attest: Attest) -> None:
    written(registry, folder, ami())
    assert "arn:aws:ec2:eu-central-1:111122223333:image/ami-0b" in attest("web/debian-12/ec2").stdout


@pytest.mark.parametrize("name", ["sbom.cdx.json", "manifest.json", "compliance.json", "provenance.json"])
def test_a_file_that_was_altered_or_is_gone_is_named(
    registry: Registry, folder: Path, attest: Attest, name: str
) -> None:
    build = written(registry, folder).build
    with (folder / name).open("a") as file:
        file.write("\n")
    shown = attest(build, code=1).stdout
    assert "NOT verified" in shown
    assert [line.split()[:2] for line in shown.splitlines() if "BAD" in line] == [[name, "BAD"]]
    assert "was altered: its SHA-256 is" in shown
    (folder / name).unlink()
    assert "cannot be read: No such file or directory" in attest(build, code=1).stdout


def test_an_artifact_that_is_recorded_as_another_one_is_named(registry: Registry, folder: Path, attest: Attest) -> None:
    result = written(registry, folder, build(status="failed", failure=replace_failure()))
    assert result.artifact
    another = replace(result, artifact=replace(result.artifact, digests={"r.example/web:1": "sha256:" + "e" * 64}))
    registry.finish_build(result.build, another, again=True)
    shown = attest(result.build, code=1).stdout
    assert "another one is recorded: r.example/web:1 sha256:eee" in shown


def replace_failure() -> Any:
    from goldsmith.result import Failure

    return Failure("publish", message="no registry")


def test_another_s_signature_is_not_believed_and_nothing_else_is_looked_at(
    registry: Registry, folder: Path, attest: Attest
) -> None:
    build = written(registry, folder).build
    shown = attest(build, key="other.pub", code=1).stdout
    assert "signature  BAD" in shown and "and not by SHA256:" in shown and "sbom" not in shown


def test_the_good_envelope_of_another_build_does_not_pass_for_this_one_s(
    registry: Registry, folder: Path, attest: Attest
) -> None:
    first = written(registry, folder)
    second = written(registry, folder, build(build="20261122T130000-0b0b0b0b"))
    other = folder.parent / second.build
    for file in folder.glob("*.json"):
        (other / file.name).write_bytes(file.read_bytes())
    shown = attest(second.build, code=1).stdout
    assert f"it is that of build {first.build}, and not of {second.build}" in shown


def test_an_envelope_away_from_its_build_is_verified_as_far_as_it_goes(
    registry: Registry, folder: Path, attest: Attest, tmp_path: Path
) -> None:
    written(registry, folder)
    text = (folder / "provenance.dsse.json").read_bytes()
    for name in ("provenance.dsse.json", "sbom.cdx.json", "manifest.json", "compliance.json", "provenance.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    shown = attest(tmp_path / "provenance.dsse.json").stdout
    assert "artifact         unknown  build 20261122T120000-0a0a0a0a is not recorded here" in shown
    (tmp_path / "provenance.dsse.json").write_bytes(text[:200])
    assert "the envelope is damaged" in attest(tmp_path / "provenance.dsse.json", code=1).stdout


def test_what_was_not_signed_is_said_to_be_so(registry: Registry, folder: Path, attest: Attest) -> None:
    build = written(registry, folder, signed=False).build
    assert f"the provenance of {build} was not signed" in attest(build, code=1).stderr
    assert not (folder / "provenance.dsse.json").exists()


def test_a_build_that_made_nothing_has_no_provenance(registry: Registry, folder: Path, attest: Attest) -> None:
    result = written(registry, folder, build(status="failed", failure=replace_failure(), artifact=None))
    assert not (folder / "provenance.json").exists() and not (folder / "sbom.cdx.json").exists()
    assert "has no provenance: it made no image" in attest(result.build, code=1).stderr


def test_the_same_build_gives_the_same_files(registry: Registry, folder: Path) -> None:
    written(registry, folder)
    before = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    write(registry, folder, build(packages=build().packages[::-1]))
    after = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    assert {name for name in before if before[name] != after[name]} == {
        "result.json"
    }  # it keeps the order of its packages
    assert len(before) == 6


def test_a_pair_of_keys_is_made_by_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["attest", "key", str(tmp_path / "mine"), "--json"])
    told = json.loads(done.stdout)
    assert told["public"] == f"{tmp_path}/mine.pub" and told["id"].startswith("SHA256:")
    again = CliRunner().invoke(main, ["attest", "key", str(tmp_path / "mine")])
    assert again.exit_code == 2 and "is there already" in again.stderr
