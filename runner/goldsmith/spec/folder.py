"""The specs in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from goldsmith.errors import InputError

_LOOKS_LIKE_ONE = re.compile(r"^name:", re.MULTILINE)


def specs_in(paths: Iterable[Path]) -> list[Path]:
    """Return specs: files as they are named, and of a folder those files in it that are specs.

    A file in a folder is one when it is YAML and has a name, and either platforms or a parent; so neither files that
    only others extend nor playbooks are.

    Raises:
        InputError: A folder has none, or cannot be read.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = [file for file in sorted(path.iterdir()) if file.suffix in (".yml", ".yaml") and _is_spec(file)]
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        if not inside:
            raise InputError(f"there is no spec in the folder {path}", "Specs are files .yml with name and platforms.")
        found += inside
    return list(dict.fromkeys(found))


def _is_spec(file: Path) -> bool:
    if not file.is_file():
        return False
    text = file.read_text("utf-8", "replace")
    try:
        said = YAML(typ="safe").load(text)
    except YAMLError:
        return bool(_LOOKS_LIKE_ONE.search(text))  # reading it as one will tell what is wrong with it
    return isinstance(said, dict) and "name" in said and ("platforms" in said or "extends" in said)
