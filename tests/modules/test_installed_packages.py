"""`installed_packages` on this machine, against what the package manager itself lists."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

RunModule = Callable[..., dict[str, Any]]

FORM = "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this machine has no dpkg")
def test_packages_are_those_that_dpkg_lists(run_module: RunModule) -> None:
    listed = subprocess.run(["dpkg-query", "-W", "-f", FORM], capture_output=True, text=True, check=True).stdout

    result = run_module("installed_packages")

    assert not result["changed"], result
    keys = ("name", "version", "arch", "source", "source_version")
    debs = [package for package in result["packages"] if package["type"] == "deb"]
    found = {"installed " + " ".join(package[key] for key in keys) for package in debs}
    assert found == {line for line in listed.splitlines() if line.startswith("installed ")}
    order = [(package["name"], package["arch"], package["version"]) for package in result["packages"]]
    assert order == sorted(order)
