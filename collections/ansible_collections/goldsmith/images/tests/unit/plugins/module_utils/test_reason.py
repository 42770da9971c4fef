# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of why a task failed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._reason import reason


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"msg": "told"}, "told"),
        (
            {"msg": "non-zero return code", "cmd": ["false", "-x"], "stderr": "a\nlast"},
            "non-zero return code: false -x: last",
        ),
        (
            {
                "msg": "One or more items failed",
                "results": [{"failed": True, "msg": "a"}, {"msg": "b"}, {"failed": True, "msg": "c"}],
            },
            "a; c",
        ),
        ("hidden", "hidden"),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_reason_is_what_helps_a_reader(result: Any, expected: str) -> None:
    assert reason(result) == expected
