"""What each layer of a build is made from, for the layer cache, and which layers can never be kept in it.

A layer is kept only where all that it reads is known beforehand: its role with the roles that this one names, or its
file of tasks with what lies beside it; the variables of the spec that are mentioned in these; the files on this machine
that they look up by name; the collections and the ansible-core that they run on. Secrets take no part: who uses one is
never kept.

============================  ==========================================================================
name                          text
============================  ==========================================================================
``file:<path>``               SHA-256 of mode and content, of its role's or tasks' files
``outside:<path>``            likewise, of another file on this machine
``variable:<name>``           SHA-256 of the value's JSON: of the layer, of the spec, of the lifecycle
``collection:<name>``         version; with a digest of its files where it is in development
``ansible-core``              version
``platform``                  the platform's name
``disk:<name>``               SHA-256 of the JSON of what is written or installed before the first layer of a disk
``place``                     the folder of its role or tasks: what it sets may name files there
============================  ==========================================================================

Files are read; nothing else is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from goldsmith import mentions
from goldsmith.errors import InputError
from goldsmith.plan import Plan, PlannedLayer
from goldsmith.project import neighbours
from goldsmith.roles import Role

_VAULT = "$ANSIBLE_VAULT"
_VAULTED = re.compile(r"^\s*['\"]?([A-Za-z_]\w*)['\"]?\s*:\s*!vault\b", re.MULTILINE)
_OWN = "goldsmith.images"
_READABLE = 2**24
"""Bytes up to which a file is looked through for what it mentions."""


@dataclass(frozen=True)
class CacheLayer:
    """A layer as the modules ``docker_layer_info`` and ``ec2_layer_info`` take it.

    Attributes:
        number: Position, counted from 1.
        name: What people call it.
        ingredients: What it is made from, by name.
        engine: What it depends on of the machine that the engine runs on.
        packages: Whether it installs packages.
        off: Why it is never kept; empty where it is.
        fresh: Why it runs this time in any case; empty where it need not.
        keep: Whether it is kept for itself, not only below one that is.
    """

    number: int
    name: str
    ingredients: Mapping[str, str] = field(default_factory=dict)
    engine: tuple[str, ...] = ()
    packages: bool = False
    off: str = ""
    fresh: str = ""
    keep: bool = True


@dataclass(frozen=True)
class Tools:
    """What layers run on.

    Attributes:
        ansible_core: Version of ansible-core.
        find: Returns the role of a name, or None.
        collection: Returns what a collection is known by, its version or a digest, or None when it is not installed.
    """

    ansible_core: str
    find: Callable[[str], Role | None]
    collection: Callable[[str], str | None]


def cache_layers(plan: Plan, tools: Tools) -> list[CacheLayer]:
    """Return the layers of a plan with what they are made from.

    Args:
        plan: The plan.
        tools: What they run on.

    Raises:
        InputError: A file cannot be read.
    """
    try:
        shared = _shared(plan)
        return [_layer(layer, shared, tools) for layer in plan.layers]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error


def refreshed(found: Iterable[CacheLayer], *, everything: bool, start: str) -> list[CacheLayer]:
    """Return layers of which some run in any case.

    Args:
        found: The layers in order.
        everything: Whether all of them do.
        start: Name or number of the layer from which on they do; empty for none.
    """
    layers = list(found)
    first = next((one.number for one in layers if start in (one.name, str(one.number))), len(layers) + 1)
    why = "--no-cache" if everything else f"--no-cache-from {start}"
    return [replace(one, fresh=why) if everything or one.number >= first else one for one in layers]


def check_name(name: str, known: Iterable[str]) -> None:
    """Refuse the name of a layer that there is not.

    Raises:
        InputError: It is not among those that are known, and no number.
    """
    names = sorted(set(known))
    if name and not name.isdecimal() and name not in names:
        guess = next(iter(get_close_matches(name, names, n=1)), None)
        hint = f"Did you mean {guess}?" if guess else f"There are: {', '.join(names)}"
        raise InputError(f"there is no layer {name}", hint)


@dataclass(frozen=True)
class _Shared:
    """What every layer may use, and where it runs.

    Attributes:
        variables: Variables by name.
        ingredients: Ingredients of all layers.
        secrets: Names of secrets.
        off: Why no layer can be kept; empty where some can.
        installs: Whether packages are installed before the first layer, which is kept with them.
        checkpoints: Whether what is kept is a machine that boots anew.
        any_machine: Whether it is not known beforehand what kind of machine that is.
    """

    variables: Mapping[str, Any]
    ingredients: Mapping[str, str]
    secrets: frozenset[str]
    off: str
    installs: bool
    checkpoints: bool = False
    any_machine: bool = False


def _shared(plan: Plan) -> _Shared:
    build = plan.build
    spec, directory = build.loaded.spec, build.loaded.directory
    variables = {
        **spec.parameters,
        "goldsmith_name": spec.name,
        "goldsmith_version": plan.version,
        "goldsmith_platform": build.platform,
        "goldsmith_target_name": build.target.name,
        "goldsmith_description": spec.description,
    }
    ground = plan.ground
    ingredients, secrets, off = {"platform": build.platform}, set(spec.secrets), ""
    ingredients |= {f"disk:{name}": _digest(value) for name, value in ground.ingredients.items()}
    for path in (path for folder in ("group_vars", "host_vars") for path in _below(directory / folder)):
        text, name = path.read_text(encoding="utf-8", errors="ignore"), str(path.relative_to(directory))
        ingredients[f"outside:{name}"] = _digest_of(path)
        secrets |= set(_VAULTED.findall(text))
        if text.startswith(_VAULT):
            off = f"{name} is encrypted, so that it cannot be told who uses what is in it"
    machine = plan.options.get("machine") or {}
    if lost := [name for name in ("volumes", "tmpfs", "block_devices") if machine.get(name)]:
        off = f"its machine has {lost[0]}, and what lies there is not kept"
    elif machine.get("user_data"):
        off = "its machine has user_data, which would run once more in one that starts from a checkpoint"
    types = plan.options.get("instance_type") or ()
    return _Shared(
        variables, ingredients, frozenset(secrets), off, ground.installs, build.target.checkpoints, len(types) > 1
    )


@dataclass(frozen=True)
class _Files:
    """The files of a layer by name, and the names of those that are of this program's collection."""

    by_name: Mapping[str, Path]
    own: frozenset[str]

    @cached_property
    def texts(self) -> list[str]:
        """What is in them."""
        return [_text(path) for path in self.by_name.values()]

    @cached_property
    def others(self) -> list[str]:
        """What is in those that are not of this program's collection, whose ways are known."""
        return [_text(path) for name, path in self.by_name.items() if name not in self.own]


def _layer(layer: PlannedLayer, shared: _Shared, tools: Tools) -> CacheLayer:
    files = _files(layer, tools.find)
    given = json.dumps(layer.variables, ensure_ascii=False)
    foreign = [*files.others, given]
    # To the roles of this program's collection only their own options are variables, however many words they have.
    options = {word for word in mentions.words(files.texts) if word.startswith("os_")}
    words = mentions.words(foreign) | options
    everything = any(mentions.all_variables(text) for text in foreign)
    values = {**_mentioned(shared.variables, words, everything=everything), **layer.variables}
    engine = mentions.engine(foreign)
    secrets = shared.secrets & (words | mentions.words([json.dumps(values, ensure_ascii=False)]))
    reasons = (
        "" if layer.cache else "cache: false in the spec",
        shared.off,
        *(f"it uses the secret {name}" for name in sorted(secrets)),
        "it has an encrypted file" if any(_VAULT in text for text in files.texts) else "",
        *(mentions.unforeseen(text, files.by_name.keys()) for text in foreign),
        *(_of_machine(files, engine, shared) if shared.checkpoints else ()),
    )
    named = mentions.collections(files.texts) | {_OWN}
    if layer.role and layer.role.collection:
        named.add(layer.role.name.rpartition(".")[0])
    outside = [path for text in foreign for path in mentions.files(text)] + list(_strings(values))
    return CacheLayer(
        number=layer.number,
        name=layer.name,
        ingredients={
            **{f"file:{name}": _digest_of(path) for name, path in files.by_name.items()},
            **{f"variable:{name}": _digest(value) for name, value in values.items()},
            **{f"outside:{path}": _digest_of(path) for path in sorted(set(_existing(outside)))},
            **{f"collection:{name}": known for name in sorted(named) if (known := tools.collection(name)) is not None},
            **shared.ingredients,
            "ansible-core": tools.ansible_core,
            "place": str(layer.role.path if layer.role else layer.tasks),
        },
        # In a cloud, all of it follows from the image and the type of the machine, which are known.
        engine=() if shared.checkpoints else engine,
        packages=(shared.installs and layer.number == 1) or any(mentions.packages(text) for text in files.texts),
        off=next(filter(None, reasons), ""),
        keep=layer.checkpoint or not shared.checkpoints,
    )


def _of_machine(files: _Files, engine: Sequence[str], shared: _Shared) -> Iterator[str]:
    """Yield why a layer has to run in the very machine that is captured."""
    if any("os_cleanup" in files.by_name[name].parts for name in files.own):
        yield "it cleans up after the machine that it runs on"
    if shared.any_machine and set(engine) - {"kernel"}:
        yield f"it uses the machine's {engine[-1]}, and instance_type names several types"


def _files(layer: PlannedLayer, find: Callable[[str], Role | None]) -> _Files:
    """Return the files of a layer: of its role and all roles that it names in turn, or of its tasks."""
    found: dict[str, Path] = {}
    own: set[str] = set()
    waiting: list[tuple[str, Role]] = [("", layer.role)] if layer.role else []
    if layer.tasks:
        found |= _beside(layer.tasks)
        waiting += [(f"{role.name}/", role) for role in _roles_named(found.values(), find)]
    seen = {role.path for _, role in waiting}
    while waiting:
        prefix, role = waiting.pop()
        files = {f"{prefix}{path.relative_to(role.path)}": path for path in _below(role.path)}
        found |= files
        if role.collection and role.name.startswith(f"{_OWN}."):
            own |= set(files)
        beside = () if role.collection else (Role(one.name, one, collection=False) for one in neighbours(role.path))
        for other in (*beside, *_roles_named(files.values(), find)):
            if other.path not in seen:
                seen.add(other.path)
                waiting.append((f"{other.name}/", other))
    return _Files(dict(sorted(found.items())), frozenset(own))


def _beside(tasks: Path) -> dict[str, Path]:
    """Return a file of tasks and what Ansible finds with it, by path from its folder; see `goldsmith.project`."""
    folder = tasks.parent
    inside = folder.name == "tasks"
    paths = sorted(folder.glob("*.y*ml")) if inside else [tasks]
    for parent in (folder, folder.parent) if inside else (folder,):
        paths += [path for name in ("files", "templates", "vars") for path in _below(parent / name)]
    top = folder.parent if inside else folder
    return {str(path.relative_to(top)): path for path in paths}


def _roles_named(paths: Iterable[Path], find: Callable[[str], Role | None]) -> Iterator[Role]:
    """Yield the roles that files of YAML name and that can be found by their name."""
    names = {name for path in paths if path.suffix in (".yml", ".yaml") for name in mentions.roles(_text(path))}
    yield from (role for name in sorted(names) if (role := find(name)) is not None)


def _mentioned(variables: Mapping[str, Any], words: set[str], *, everything: bool) -> dict[str, Any]:
    """Return the variables that are mentioned, and those that these mention in turn."""
    found = {name: value for name, value in variables.items() if everything or name in words}
    while True:
        more = mentions.words([json.dumps(found, ensure_ascii=False)])
        added = {name: value for name, value in variables.items() if name in more and name not in found}
        if not added:
            return found
        found |= added


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for one in value.values() for text in _strings(one))
    elif isinstance(value, list | tuple):
        yield from (text for one in value for text in _strings(one))


def _existing(names: Iterable[str]) -> Iterator[Path]:
    """Yield the files that are at whole paths, or below."""
    for name in names:
        if re.fullmatch(r"/[^\0\n]{1,4000}", name):
            path = Path(name)
            if path.is_file():
                yield path
            elif path.is_dir() and len(path.parts) > 2:  # such as / and /etc are the machine's, and nobody's source
                yield from _below(path)


def _below(path: Path) -> list[Path]:
    passed_over = {"__pycache__", ".git"}
    return sorted(file for file in path.rglob("*") if file.is_file() and passed_over.isdisjoint(file.parts))


def _text(path: Path) -> str:
    if path.stat().st_size > _READABLE:
        return ""
    return path.read_bytes().decode("utf-8", errors="ignore")


def _digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's mode and content."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return hashlib.sha256(f"{mode:o}\0".encode() + path.read_bytes()).hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
