# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock


def test_second_holder_is_turned_away_and_the_file_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"

    with Lock(path) as first:
        assert first.descriptor is not None
        with Lock(path, wait=False) as second:
            assert second.descriptor is None
        assert path.exists()

    assert not path.exists()


def test_file_left_by_a_killed_holder_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    path.touch()

    with Lock(path, wait=False) as lock:
        assert lock.descriptor is not None


def test_heir_of_the_descriptor_holds_the_lock_on(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with Lock(path) as lock:
        assert lock.descriptor is not None
        heir = os.dup(lock.descriptor)
        os.link(path, tmp_path / "kept")
    (tmp_path / "kept").rename(path)

    with Lock(path, wait=False) as second:
        assert second.descriptor is None
    os.close(heir)
    with Lock(path, wait=False) as third:
        assert third.descriptor is not None


def _count(path: Path, counter: Path) -> None:
    for _turn in range(100):
        with Lock(path):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_waiting_processes_follow_one_after_the_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=_count, args=(tmp_path / "a.lock", counter)) for _worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0] * 4
    assert counter.read_text() == "400"
