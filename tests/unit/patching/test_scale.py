"""Thousands of images are judged in seconds, in little memory, by the command as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.roles.archive import Key, Server, serve
from tests.unit.patching.archives import TextArchive, debsecan

from goldsmith.registry import Registry

PACKAGES = 300
NAMES, VERSIONS = 4_001, 5
"""Packages that there are, and how many versions of each are in use somewhere."""
pytestmark = pytest.mark.slow

CVES = 40_000
"""Vulnerabilities that Debian tells of, of which one in ten is not long mended."""
OFFERED = 60_000
"""Packages in the main archive: as many as Debian 12 has."""
INGREDIENTS = {f"role:hardening:tasks/{number}.yml": f"{number:064x}" for number in range(150)}


# What grows faster than the images shows in a thousand of them as well.
@pytest.fixture(scope="module", params=[1_000, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def images(request: pytest.FixtureRequest) -> int:
    """How many images there are."""
    return int(request.param)


@pytest.fixture(scope="module")
def home(images: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose registry holds images, no two of which hold the same packages."""
    home = tmp_path_factory.mktemp("scale")
    with Registry.open(f"sqlite:///{home}/registry.db"):
        pass
    source = json.dumps({"id": "sha256:base", "digest": None, "reference": "debian:12"})
    with sqlite3.connect(home / "registry.db") as database:
        # It is made once and never survives a crash: nothing need be written twice.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
            database.execute(f"PRAGMA {setting}")
        database.executemany(
            "INSERT INTO package VALUES (?, 'deb', ?, ?, ?, ?, ?)",
            (
                (
                    name * VERSIONS + version,
                    f"p{name}",
                    f"1.{version}-1",
                    "amd64" if name % 4 else "all",
                    f"s{name // 2}",
                    f"1.{version}-1",
                )
                for name in range(NAMES)
                for version in range(VERSIONS)
            ),
        )
        numbers = range(1, images + 1)
        database.executemany("INSERT INTO image VALUES (?, ?, 1, '2026-11-01')", ((n, f"i{n}") for n in numbers))
        database.executemany(
            "INSERT INTO version VALUES (?, ?, 1, '1', 'x', 'built', '2026-11-01 00:00:00')", ((n, n) for n in numbers)
        )
        database.executemany("INSERT INTO inventory VALUES (?, ?, ?)", ((n, str(n), PACKAGES) for n in numbers))
        # Every image a stretch of its own of the names; nine of eleven packages are the newest, the others of any age.
        database.execute(
            "WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < ? - 1)"
            " INSERT INTO inventory_package SELECT i.id, (i.id * 7919 + k.n * 13) % ? * ? +"
            " CASE WHEN (i.id * 31 + k.n * 17) % 11 < 9 THEN ? ELSE (i.id + k.n) % ? END FROM inventory i, k",
            (PACKAGES, NAMES, VERSIONS, VERSIONS - 1, VERSIONS),
        )
        database.executemany(
            "INSERT INTO build (id, version_id, label, platform, target, state, started, finished, phases, layers,"
            " source, spec, parameters, secrets, tools, pid, host, inventory_id, ingredients) VALUES (?, ?, ?,"
            " 'debian-12', 'docker', 'built', '2026-11-01 00:00:00', '2026-11-01 00:01:00', '{}', '[]', ?,"
            " '/specs/gone.yml', '{}', '[]', '{}', 1, 'h', ?, ?)",
            ((f"b{n}", n, f"i{n}/debian-12/docker", source, n, json.dumps(INGREDIENTS)) for n in numbers),
        )
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")
    return home


@pytest.fixture(scope="module")
def server(home: Path, images: int) -> Iterator[Server]:
    """An archive with the newest version of everything, and a security archive with some of it."""
    key = Key(home / "key")
    (home / "keyrings").mkdir()
    shutil.copy(key.public, home / "keyrings/own.gpg")
    newest = {f"p{name}": f"1.{VERSIONS - 1}-1" for name in range(NAMES)} | {
        f"q{n}": "1" for n in range(OFFERED - NAMES)
    }
    TextArchive(home / "www/debian", key).publish("bookworm", newest)
    security = {f"p{name} (s{name // 2} 1.2-1)": "1.2-1" for name in range(0, NAMES, 4)}
    TextArchive(home / "www/security", key).publish("bookworm-security", security, Label="Debian-Security")
    cves = debsecan(
        (f"CVE-2026-{10000 + n}", f"s{n % (NAMES // 2)}", "0.9" if n % 10 else f"1.{n // 10 % VERSIONS}-1")
        for n in range(CVES)
    )
    (home / "cves").write_text(cves)
    with serve("127.0.0.1", home / "www") as server:
        sources = [
            {"uri": f"{server.url}/debian", "suite": "bookworm", "components": ["main"]},
            {"uri": f"{server.url}/security", "suite": "bookworm-security", "components": ["main"]},
        ]
        details = json.dumps({"package_sources": sources, "layers": ["sha256:x"] * 4, "config": {"Env": ["A=b"] * 10}})
        with sqlite3.connect(home / "registry.db") as database:
            database.executemany(
                "INSERT INTO artifact (id, build_id, type, identity, digests, tags, published, state, details)"
                " VALUES (?, ?, 'docker', ?, '{}', '[]', 1, 'available', ?)",
                ((n, f"b{n}", f"sha256:{n}", details) for n in range(1, images + 1)),
            )
        yield server


# The most memory that a process has taken counts what it was forked from: here a small one.
WATCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def test_ten_thousand_images_would_be_judged_in_half_a_minute_and_less_than_a_gigabyte(
    home: Path, server: Server, images: int
) -> None:
    command = [str(Path(sys.executable).parent / "goldsmith"), "plan", "--json", "--cve-data", str(home / "cves")]
    environment = os.environ | {"GOLDSMITH_HOME": str(home)}
    with (home / "out.json").open("w") as out:
        began = time.monotonic()
        watched = [sys.executable, "-c", WATCH, *command]
        done = subprocess.run(watched, stdout=out, stderr=subprocess.PIPE, text=True, env=environment)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    at_work, kilobytes = map(float, done.stderr.splitlines()[-1].split())
    megabytes = kilobytes / 1024
    measured = f"{seconds:.1f} s, of which {at_work:.1f} s at work; {megabytes:.0f} MB"
    sys.stdout.write(f"{images} images x {PACKAGES} packages: {measured}\n")
    said = json.loads((home / "out.json").read_text())
    assert len(said) == images and {one["state"] for one in said} == {"rebuild"}
    assert all(one["packages"]["judged"] == PACKAGES for one in said)
    assert 40 < sum(one["packages"]["outdated"] for one in said) / images < 56, "about one in six is older"
    assert sum(bool(one["packages"]["security"] and one["packages"]["cves"]) for one in said) > images * 0.9
    # By the processor's time: others may be at work on this machine.
    assert at_work < 8 + 22 * images / 10_000, measured
    assert megabytes < 200 + 800 * images / 10_000, measured
