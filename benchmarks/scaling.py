"""How time and memory grow: with layers, with specs, with what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from builders import BASE, GOLDSMITH, Workshop
from chart import table
from measure import Cost, median

from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult, Package

LAYERS = (1, 4, 16)
SPECS = (1, 10, 100, 1000)
RECORDS = (1, 10, 100, 1000)
PACKAGES = 200
"""Packages of each recorded image, about as many as Debian's cloud image has."""

TASK = '- ansible.builtin.copy: {content: x, dest: "/opt/%d", mode: "0644"}\n'


def layers(shop: Workshop, rounds: int, say: Callable[[str], None]) -> str:
    """Return a table of builds with 1, 4 and 16 layers of one task each."""
    rows = []
    for count in LAYERS:
        folder = shop.directory / f"layers-{count}"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            (folder / f"{number}.yml").write_text(TASK % number)
        spec = _spec(folder, f"bench-layers-{count}", [{"tasks": f"{number}.yml"} for number in range(count)])
        more = ("build", str(spec), *shop.cold)
        rows.append(_row(count, [shop.command("layers", GOLDSMITH, *more) for _ in range(rounds)]))
        say(f"layers: {' '.join(rows[-1])}")
    return table(["layers", "seconds", "MiB"], rows)


def plans(shop: Workshop, rounds: int, say: Callable[[str], None]) -> str:
    """Return a table of `goldsmith plan` over 1 to 1000 specs of which nothing was built yet."""
    rows = []
    for count in SPECS:
        folder = shop.directory / f"specs-{count}"
        folder.mkdir(exist_ok=True)
        (folder / "tasks").mkdir(exist_ok=True)
        (folder / "tasks" / "one.yml").write_text(TASK % 1)
        for number in range(count):
            _spec(folder, f"bench-{number}", [{"tasks": "tasks/one.yml"}], f"spec-{number}.yml")
        rows.append(_row(count, _repeat(shop, rounds, "plan", str(folder), "--offline", "--cve-data", "none")))
        say(f"plan: {' '.join(rows[-1])}")
    return table(["specs", "seconds", "MiB"], rows)


def records(shop: Workshop, rounds: int, say: Callable[[str], None]) -> str:
    """Return a table of `goldsmith images` with 1 to 1000 recorded images, each of 200 packages."""
    rows = []
    for count in RECORDS:
        home = shop.directory / f"records-{count}"
        if not home.exists():
            home.mkdir()
            _record(home, count)
        costs = _repeat(shop, rounds, "images", GOLDSMITH_HOME=str(home))
        rows.append([*_row(count, costs), f"{(home / 'registry.db').stat().st_size / 2**20:.1f}"])
        say(f"images: {' '.join(rows[-1])}")
    return table(["images", "seconds", "MiB", "registry, MiB"], rows)


def _repeat(shop: Workshop, rounds: int, name: str, *arguments: str, **environment: str) -> list[Cost]:
    return [shop.command(name, GOLDSMITH, name, *arguments, **environment) for _ in range(rounds)]


def _row(count: int, costs: Sequence[Cost]) -> list[str]:
    seconds, memory = (median([getattr(cost, what) for cost in costs]) for what in ("seconds", "memory"))
    return [str(count), f"{seconds:.2f}", f"{memory:.0f}"]


def _spec(folder: Path, name: str, layers: list[dict[str, str]], file: str = "spec.yml") -> Path:
    path = folder / file
    content = {
        "name": name,
        "platforms": {"debian-12": {"docker": {"image": BASE, "pull": "never"}}},
        "layers": layers,
        "targets": {"docker": {"repository": "goldsmith-bench/goldsmith", "tags": [name]}},
    }
    path.write_text(json.dumps(content))
    return path


def _record(home: Path, count: int) -> None:
    now = datetime.now(UTC)
    packages = tuple(Package("deb", f"package-{number}", "1.0-1", "amd64") for number in range(PACKAGES))
    with Registry.open(f"sqlite:///{home / 'registry.db'}") as registry:
        for number in range(count):
            name, build = f"image-{number}", f"20260101T000000-{number:08x}"
            version = registry.new_version(name, f"{number:064x}")
            registry.start_build(version, build, platform="debian-12", target="docker", spec=f"/specs/{name}.yml")
            result = BuildResult(
                build=build,
                name=name,
                version=version.label,
                platform="debian-12",
                target="docker",
                status="built",
                started=now,
                finished=now,
                artifact=Artifact(type="docker", id=f"sha256:{number:064x}", size=2**20, tags=(f"{name}:1",)),
                packages=packages,
            )
            registry.finish_build(build, result)
