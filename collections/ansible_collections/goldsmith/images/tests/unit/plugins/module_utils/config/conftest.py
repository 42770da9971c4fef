# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of configuration files in a root of their own."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._config_settings import take
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

MODULE: Any = SimpleNamespace(atomic_move=os.replace)


class Root:
    """A root file system.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def read(self, name: str) -> str:
        return (self.path / name.lstrip("/")).read_text()

    def files(self) -> dict[str, str]:
        return {f"/{path.relative_to(self.path)}": path.read_text() for path in self.path.rglob("*") if path.is_file()}

    def settle(self, *entries: dict[str, Any], check: bool = False) -> list[Outcome]:
        """Do what the module does, and twice: nothing may be left for the second time."""
        first = self._settle(entries, check)
        if not check:
            before = self.files()
            second = self._settle(entries, check)
            assert self.files() == before
            assert {outcome.status for outcome in second} <= {"compliant", "not_applicable", "failed"}
        return first

    def _settle(self, entries: tuple[dict[str, Any], ...], check: bool) -> list[Outcome]:
        files = take(entries, self.path)
        for file in files:
            file.plan()
            if not check:
                file.apply(MODULE)
        found = {number: outcome for file in files for number, outcome in file.outcomes.items()}
        return [found[number] for number in sorted(found)]


def entry(path: str, format_: str, *settings: dict[str, Any], **options: Any) -> dict[str, Any]:
    """An entry of `files` as Ansible completes it."""
    absent = dict.fromkeys(("separator", "drop_in", "validate", "mode", "owner", "group"))
    settings = tuple(
        {"value": None, "absent": False, "section": None, "match": None, "keep": [], "control": None} | setting
        for setting in settings
    )
    common = {"path": path, "format": format_, "settings": settings, "also": [], "create": False}
    return absent | common | options


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@pytest.fixture(scope="session")
def make_root() -> type[Root]:
    """For tests that need a fresh root for each example."""
    return Root


@pytest.fixture(scope="session")
def file() -> Any:
    return entry
