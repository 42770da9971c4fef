"""A target of another package."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from .conftest import Cli

PACKAGE = Path(__file__).parents[1] / "packages" / "acme_target"


@pytest.mark.docker
def test_a_target_that_another_package_brings_is_built_and_recorded(goldsmith: Cli, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site, ignore=shutil.ignore_patterns("pyproject.toml", "__pycache__"))
    metadata = site / "acme_target-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-target\nVersion: 1.0.0\n")
    (metadata / "entry_points.txt").write_text("[goldsmith.targets]\nacme_file = acme_target:target\n")
    goldsmith.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    spec = tmp_path / "motto.yml"
    spec.write_text(
        json.dumps(
            {
                "name": goldsmith.name,
                "platforms": {"paper": {"acme_file": {"text": "hello"}}},
                "targets": {"acme_file": {"copies": 2}},
            }
        )
    )
    result = goldsmith.build(spec)
    assert Path(result["artifact"]["tags"][0]).read_text() == "hello\nhello\n"
    (image,) = json.loads(goldsmith.ask("images", "--json").stdout)
    assert image["targets"] == ["acme_file"]
