"""What it costs to use the package."""

from __future__ import annotations

import subprocess
import sys


def test_reading_a_spec_imports_neither_ansible_nor_what_only_a_build_needs(folder: object) -> None:
    code = (
        "import sys; from pathlib import Path; from goldsmith.spec import builds, load; "
        "from goldsmith.targets.docker import target; "
        "builds(load(Path(sys.argv[1]), {}, {'docker': target}))[0].options('1'); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'ansible', 'ansible_runner', 'docker', 'boto3', 'sqlalchemy'}))"
    )
    path = folder.spec("")  # type: ignore[attr-defined]  # a fixture of this folder's conftest
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
