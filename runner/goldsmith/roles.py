"""Where a role that a layer names comes from: found by the same rules as Ansible's, without importing Ansible."""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_FQCN = re.compile(r"^\w+\.\w+\.\w+(\.\w+)*$")
_DEFAULT_ROLES_PATH = "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles"
_DEFAULT_COLLECTIONS_PATH = "~/.ansible/collections:/usr/share/ansible/collections"


@dataclass(frozen=True)
class Role:
    """A role that was found.

    Attributes:
        name: Name to give to ``include_role``: the FQCN of a collection's role, the directory's name of another one.
        path: The role's directory.
        collection: Whether Ansible finds it by its name alone; otherwise the project has to bring it along.
    """

    name: str
    path: Path
    collection: bool


@dataclass(frozen=True)
class SearchPath:
    """Directories in which Ansible looks for roles and for collections, the first wins.

    It looks for collections also where Python looks for modules.
    """

    roles: tuple[Path, ...]
    collections: tuple[Path, ...]

    @classmethod
    def of(cls, directory: Path, *parents: Path, environ: Mapping[str, str] = os.environ) -> SearchPath:
        """Return what holds for a spec: what lies beside it, then the environment's or ansible.cfg's.

        Args:
            directory: Folder of the spec.
            parents: Folders of the specs that it extends: their layers name what lies beside them.
            environ: Environment variables.

        Source: Ansible documentation, "Ansible Configuration Settings", DEFAULT_ROLES_PATH and COLLECTIONS_PATHS.
        """
        config = _settings(directory, environ)
        roles = environ.get("ANSIBLE_ROLES_PATH") or config.get("roles_path") or _DEFAULT_ROLES_PATH
        collections = (
            environ.get("ANSIBLE_COLLECTIONS_PATH") or config.get("collections_path") or _DEFAULT_COLLECTIONS_PATH
        )
        beside = list(dict.fromkeys((directory, *parents)))
        return cls(
            roles=(*(folder / "roles" for folder in beside), *_split(roles)),
            collections=(*(folder / "collections" for folder in beside), *_split(collections)),
        )


def find(name: str, search: SearchPath) -> Role | None:
    """Return the role ``name``: a path (with a slash), the FQCN of a collection's role, or a name in the roles path.

    Args:
        name: As the spec says it; a relative path has been made absolute before.
        search: Where to look.
    """
    if "/" in name:
        path = Path(name)
        return Role(path.name, path, collection=False) if _is_role(path) else None
    if _FQCN.match(name):
        namespace, collection, role = name.split(".", 2)
        for root in _roots(search):
            path = root / "ansible_collections" / namespace / collection / "roles" / role.replace(".", "/")
            if _is_role(path):
                return Role(name, path, collection=True)
    for root in search.roles:
        if _is_role(root / name):
            return Role(name, root / name, collection=False)
    return None


def collection_version(name: str, search: SearchPath) -> str | None:
    """Return the version of an installed collection, ``namespace.name``, or None when it is not there or has none."""
    for directory in _collections(name, search):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            return str(json.loads((directory / "MANIFEST.json").read_text("utf-8"))["collection_info"]["version"])
        # Where a collection is developed it has no manifest yet.
        with contextlib.suppress(OSError, YAMLError, LookupError, TypeError):
            return str(YAML(typ="safe").load(directory / "galaxy.yml")["version"])
    return None


def collection_state(name: str, search: SearchPath) -> str | None:
    """Return what a collection is known by: its version, with a digest of its files where it is in development.

    None where it is not installed. An installed collection has a manifest, and changes with its version only.
    """
    version = collection_version(name, search)
    directory = next((path for path in _collections(name, search) if path.is_dir()), None)
    if version is None or directory is None or (directory / "MANIFEST.json").exists():
        return version
    files = json.dumps(collection_files(name, search), sort_keys=True)
    return f"{version} {hashlib.sha256(files.encode()).hexdigest()}"


def collection_files(name: str, search: SearchPath) -> dict[str, str]:
    """Return the SHA-256 of the files of an installed collection that a playbook may use, by path in it."""
    directory = next((path for path in _collections(name, search) if path.is_dir()), None)
    if directory is None:
        return {}
    found = {}
    for part in ("meta", "playbooks", "plugins", "roles"):
        for path in sorted((directory / part).rglob("*")):
            if "__pycache__" not in path.parts:
                with contextlib.suppress(OSError):  # a folder, or gone
                    found[str(path.relative_to(directory))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _collections(name: str, search: SearchPath) -> Iterator[Path]:
    for root in _roots(search):
        yield root / "ansible_collections" / name.replace(".", "/")


def nearest(name: str, search: SearchPath) -> str | None:
    """Return the name of a role that exists and looks like ``name``."""
    return next(iter(get_close_matches(name, sorted(set(_names(search))), n=1, cutoff=0.6)), None)


def _names(search: SearchPath) -> Iterator[str]:
    for root in search.roles:
        yield from (path.name for path in _directories(root))
    for root in _roots(search):
        for namespace in _directories(root / "ansible_collections"):
            for collection in _directories(namespace):
                yield from (
                    f"{namespace.name}.{collection.name}.{role.name}" for role in _directories(collection / "roles")
                )


def _roots(search: SearchPath) -> Iterator[Path]:
    yield from search.collections
    yield from (Path(entry) for entry in sys.path if entry)


def _directories(path: Path) -> Iterator[Path]:
    try:
        yield from (entry for entry in path.iterdir() if entry.is_dir())
    except OSError:
        return


def _is_role(path: Path) -> bool:
    return any((path / part).is_dir() for part in ("tasks", "meta", "handlers", "defaults", "vars"))


def _split(paths: str) -> Iterator[Path]:
    yield from (Path(path).expanduser() for path in paths.split(":") if path)


def _settings(directory: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the section ``defaults`` of the ansible.cfg in force, its paths relative to the file made absolute."""
    named = environ.get("ANSIBLE_CONFIG")
    candidates = (
        [Path(named)]
        if named
        else [directory / "ansible.cfg", Path.cwd() / "ansible.cfg", Path("~/.ansible.cfg").expanduser()]
    )
    for candidate in candidates:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            if parser.read(candidate) and parser.has_section("defaults"):
                base = candidate.resolve().parent
                return {
                    key: ":".join(str(base / Path(part).expanduser()) for part in value.split(":"))
                    for key, value in parser["defaults"].items()
                    if key in {"roles_path", "collections_path"}
                }
        except configparser.Error:
            continue
    return {}
