# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.plugin_utils._here import Here


@pytest.mark.parametrize("how", ["exit_json", "fail_json"])
def test_a_secret_argument_does_not_come_back_in_the_result(how: str) -> None:
    spec = {"password": {"type": "str", "no_log": True}}
    module = Here({"password": "hunter2"}, check_mode=False, argument_spec=spec, supports_check_mode=True)
    with pytest.raises(SystemExit) as end:
        getattr(module, how)(msg="refused: hunter2", answer=["hunter2"])
    assert "hunter2" not in str(end.value.result)
    assert end.value.result["msg"] == "refused: ********"
