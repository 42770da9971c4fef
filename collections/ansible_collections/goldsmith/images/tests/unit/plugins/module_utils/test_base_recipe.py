# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import Index
from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options, Recipe
from ansible_collections.goldsmith.images.plugins.module_utils._mmdebstrap import explanation
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

OPTIONS = Options("bookworm", None, ["main"], ["less"], "minbase", None)
INDEX = Index("http://a.example/debian/dists/bookworm/InRelease", "ab" * 32, datetime(2026, 11, 20, tzinfo=UTC))
RECIPE = Recipe(OPTIONS, ("deb http://a.example/debian bookworm main",), (INDEX,), "amd64", "1.3.5", 1_795_000_000)


def test_same_recipe_has_the_same_key() -> None:
    assert replace(RECIPE, options=replace(OPTIONS, include=["less", "less"])).key == RECIPE.key
    assert RECIPE.reference == f"goldsmith/base:bookworm-{RECIPE.key[:12]}"


@pytest.mark.parametrize(
    "change",
    [
        {"options": replace(OPTIONS, variant="apt")},
        {"options": replace(OPTIONS, include=["vim"])},
        {"options": replace(OPTIONS, components=["main", "contrib"])},
        {"options": replace(OPTIONS, suite="trixie")},
        {"sources": ("deb http://b.example/debian bookworm main",)},
        {"indexes": (replace(INDEX, sha256="cd" * 32),)},
        {"architecture": "arm64"},
        {"mmdebstrap": "1.4.0"},
        {"epoch": 1_795_000_001},
    ],
    ids=str,
)
def test_whatever_makes_another_base_makes_another_key(change: dict[str, Any]) -> None:
    assert replace(RECIPE, **change).key != RECIPE.key


def test_time_of_the_index_is_not_part_of_the_key() -> None:
    assert replace(RECIPE, indexes=(replace(INDEX, date=datetime(2026, 11, 21, tzinfo=UTC)),)).key == RECIPE.key


def test_base_that_updates_itself_by_https_has_certificates() -> None:
    assert RECIPE.include == ["less"]
    assert replace(RECIPE, sources=("deb https://a.example/debian bookworm main",)).include == [
        "ca-certificates",
        "less",
    ]


@pytest.mark.parametrize(
    ("debian", "architecture", "variant"),
    [("amd64", "amd64", None), ("armhf", "arm", "v7"), ("i386", "386", None), ("riscv64", "riscv64", None)],
)
def test_document_names_the_architecture_in_the_words_of_oci(
    debian: str, architecture: str, variant: str | None
) -> None:
    recipe = replace(RECIPE, architecture=debian)
    document = json.loads(recipe.document("sha256:ef"))

    assert (document["architecture"], document.get("variant")) == (architecture, variant)
    assert document["rootfs"]["diff_ids"] == ["sha256:ef"]
    assert document["created"] == "2026-11-18T11:06:40Z"
    assert document["config"]["Labels"] == {"io.goldsmith.role": "base", "io.goldsmith.source": recipe.key}


@pytest.mark.parametrize(
    ("stderr", "meaning"),
    [
        ("E: Unable to locate package nope", "must exist in these components: main"),
        ("tar: write error: No space left on device", "The disk is full"),
    ],
)
def test_failure_is_explained(stderr: str, meaning: str) -> None:
    message = explanation(25, f"I: running apt-get update...\n{stderr}\n", RECIPE)

    assert "mmdebstrap ended with exit status 25 while making bookworm" in message
    assert stderr in message
    assert meaning in message
    assert "I: running" not in message


def test_failure_without_user_namespaces_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert "/etc/subuid" in explanation(1, "E: unable to use unshare mode: newuidmap is missing", RECIPE)


def test_failure_by_a_signal_names_it() -> None:
    assert "was ended by SIGTERM" in explanation(-15, "", RECIPE)
