"""A registry with builds of all kinds, the good and the hostile, and a browser to look at their pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from goldsmith.evidence import manifest
from goldsmith.registry import BuildRecord, Registry
from goldsmith.result import Artifact, BuildResult, ControlResult, Failure, LayerResult, Package, Source, TestResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = (
    "<script>window.owned=1</script><img src=//evil.example/x onerror=window.owned=1>\"'`&{{7*7}}\x1b[31m\x00\u202e"
)
LONG = "x" * 400
STATUSES = ("compliant", "changed", "not_applicable", "disabled")


def packages(number: int) -> tuple[Package, ...]:
    return tuple(Package("deb", f"package-{i:03}", f"1.{i}-1", "amd64", f"source-{i % 40}", "1") for i in range(number))


def controls(number: int) -> tuple[ControlResult, ...]:
    return tuple(
        ControlResult(
            id=f"control_{i}",
            status=STATUSES[i % 4],
            title=f"Control number {i} holds",
            message=f"/etc/file-{i}: was something else",
            details={"area": ("ssh", "mounts", "kernel")[i % 3], "level": 1, "cis": f"{i % 8}.{i}.1" if i % 8 else ""},
        )
        for i in range(number)
    )


class Records:
    """Builds in a registry and in the directories of a home, as `goldsmith build` leaves them."""

    def __init__(self, home: Path, registry: Registry) -> None:
        self.home, self.registry, self._number = home, registry, 0

    def build(
        self,
        name: str = "web",
        *,
        log: str | None = "PLAY [x]\n",
        finished: datetime = NOON,
        **given: Any,
    ) -> BuildRecord:
        """Record a build that ended well, unless told otherwise."""
        self._number += 1
        number = f"20261122T120000-{self._number:08x}"
        version = self.registry.new_version(name, "sha256:fingerprint")
        values: dict[str, Any] = {
            "name": name,
            "version": version.label,
            "platform": "debian-12",
            "target": "docker",
            "status": "built",
            "started": finished - timedelta(seconds=60),
            "finished": finished,
            "source": Source(id="sha256:base", reference="debian:12", kind="image"),
            "artifact": Artifact(
                type="docker", id=f"sha256:{self._number:064x}", size=175_000_000, tags=(f"{name}:1",)
            ),
            "packages": packages(3),
            "tests": (TestResult("goss", "Package: bash", "passed", duration=0.1),),
            "layers": (LayerResult(1, "goldsmith.images.os_patching", "applied"),),
            "phases": {"acquire": 10.0, "provision": 30.0, "validate": 5.0, "capture": 15.0},
        } | given
        if values["status"] == "failed":
            values = {"failure": Failure("validate", "nginx", "Test it", "1 test failed")} | values
        done = BuildResult(build=number, **values)
        directory = self.home / "builds" / number
        self.registry.start_build(
            version,
            number,
            platform=done.platform,
            target=done.target,
            spec="web.yml",
            log=directory / "ansible.log",
            started=done.started,
        )
        record = self.registry.finish_build(number, done)
        manifest.write(directory / "result.json", done.document())
        if log is not None:
            (directory / "ansible.log").write_text(log)
        return record

    def change(self, record: BuildRecord, **values: Any) -> None:
        """Change what is written in a build's ``result.json``."""
        path = self.home / "builds" / record.id / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    def hostile(self) -> BuildRecord:
        """Record a failed build whose every text is hostile, or far too long."""
        return self.build(
            "hostile",
            status="failed",
            log=f"{HOSTILE}\n{LONG * 10}\n",
            source=Source(id=f"sha256:{LONG}", reference=HOSTILE),
            artifact=Artifact(type="docker", id=f"sha256:{LONG}", size=1, tags=(HOSTILE, LONG)),
            packages=(Package("deb", HOSTILE, LONG, "amd64", HOSTILE, HOSTILE), *packages(600)),
            tests=(
                TestResult("goss", LONG, "passed"),
                TestResult("goss", HOSTILE, "failed", expected=[HOSTILE, LONG], found={LONG: HOSTILE}, message=HOSTILE),
            ),
            compliance=(
                ControlResult(HOSTILE, "failed", LONG, HOSTILE, {"cis": HOSTILE, "area": LONG}),
                ControlResult(LONG, HOSTILE, HOSTILE, LONG),
                *controls(376),
            ),
            layers=(LayerResult(1, HOSTILE, LONG),),
            failure=Failure(HOSTILE, HOSTILE, LONG, f"{HOSTILE}\n{LONG}"),
        )


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    home = tmp_path_factory.mktemp("home")
    with Registry.open(environ={"GOLDSMITH_HOME": str(home)}) as registry:
        yield Records(home, registry)


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium without a window, that notes what it fetches and what it complains of."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        missing = "chromium or chromium-driver is missing: make setup brings them"
        if request.config.getoption("--require-docker"):
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "hide-scrollbars",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


Show = Callable[..., None]


@pytest.fixture
def show(browser: webdriver.Chrome) -> Show:
    """Open a page in a window of a width, in a colour scheme, on screen or paper, with or without scripts."""

    def opened(page: Path, width: int = 1280, *, scheme: str = "light", media: str = "", scripts: bool = True) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # what came before
        browser.get(page.as_uri())

    return opened
