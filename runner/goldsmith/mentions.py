"""What the YAML and the templates of Ansible mention: read as text, as what they come to is known only when they run.

To take too much for a mention makes a layer run once more than needed; to overlook one would make an image wrong. So
where it cannot be told, it counts as mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

_FQCN = re.compile(r"\b([a-z]\w*\.[a-z]\w*)\.[a-z]\w*\b")
_ROLE = re.compile(r"(?:_role|\brole)\s*:\s*(?:\{?\s*name\s*:\s*)?['\"]?([\w.-]+)")
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\(\s*['\"](?:[\w.]+\.)?(\w+)['\"]\s*(?:,\s*(?:['\"]([^'\"]*)['\"]\s*\))?)?")
_LOOP = re.compile(r"^\s*-?\s*with_(\w+):[ \t]*(\S.*)?$", re.MULTILINE)
_SOURCE = re.compile(r"\b(?:src|file|include_vars|vars_files)\s*[:=]\s*-?\s*['\"]?(/[^\s'\"{}]+)")
_PACKAGES = re.compile(r"\b(?:apt|apt-get|aptitude|package|dnf|yum|package_upgrade)\b")
_ELSEWHERE = re.compile(r"\b(?:delegate_to|local_action)\s*:|\bconnection\s*:\s*['\"]?(?:ansible\.builtin\.)?local\b")
_ENGINE = {
    "kernel": re.compile(r"\b(?:ansible_)?kernel(?:_version)?\b"),
    "memory": re.compile(r"\b(?:ansible_)?mem(?:total|free|ory)_mb\b"),
    "processors": re.compile(r"\b(?:ansible_)?processor(?:_\w+)?\b"),
}
_PURE = frozenset(
    {"dict", "flattened", "indexed_items", "items", "list", "nested", "sequence", "subelements", "together"}
    | {"varnames", "vars"}
)
_READS = frozenset({"file", "fileglob", "first_found", "template"})
_ALL_VARIABLES = re.compile(r"\bvars\s*\[|\bhostvars\b|['\"](?:ansible\.builtin\.)?(?:vars|varnames)['\"]\s*,")
_HIDDEN = re.compile(r"\bno_log\s*:\s*(?!['\"]?(?:false|no)\b)\S", re.IGNORECASE)
_OF_ONE_BUILD = re.compile(r"\bgoldsmith_(?:build_id|started)\b")
_PLACE = re.compile(r"\b(?:role_path|playbook_dir|inventory_dir|inventory_file|goldsmith_project)\b")


def words(texts: Iterable[str]) -> set[str]:
    """Return the words of texts, among which are the names of all variables that they use."""
    return {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}


def all_variables(text: str) -> bool:
    """Return whether variables are used whose names are only known when it runs."""
    return bool(_ALL_VARIABLES.search(text))


def collections(texts: Iterable[str]) -> set[str]:
    """Return what may be collections whose modules and plugins are used, as ``namespace.name``."""
    return {match[1] for text in texts for match in _FQCN.finditer(text)}


def roles(text: str) -> set[str]:
    """Return what may be names of roles that a file of YAML includes or depends on."""
    return {match[0] for match in _FQCN.finditer(text)} | set(_ROLE.findall(text))


def packages(text: str) -> bool:
    """Return whether packages of the distribution are installed."""
    return bool(_PACKAGES.search(text))


def engine(texts: Collection[str]) -> tuple[str, ...]:
    """Return which facts are used of the machine that the engine runs on: ``kernel``, ``memory``, ``processors``."""
    return tuple(name for name, pattern in _ENGINE.items() if any(pattern.search(text) for text in texts))


def unforeseen(text: str, own: Collection[str]) -> str:
    """Say what is read or done that cannot be known beforehand; empty where there is nothing of it.

    Args:
        text: The text.
        own: Paths of the files that Ansible finds for it by a relative name.
    """
    if _OF_ONE_BUILD.search(text):
        return "it uses what is another thing in each build"
    if _PLACE.search(text):
        return "it uses where its project lies, which is another place in each build"
    if _ELSEWHERE.search(text):
        return "it runs tasks elsewhere than on the machine"
    if _HIDDEN.search(text):
        return "it hides what it does: no_log"
    for said, kind, name in _looked_up(text):
        if kind not in _PURE and not (kind in _READS and _is_known(name, own)):
            return f"it looks something up on this machine: {said}"
    return ""


def files(text: str) -> list[str]:
    """Return the whole paths of what may be files on this machine that are read."""
    looked_up = [name for _, kind, name in _looked_up(text) if kind in _READS]
    return [name for name in (*looked_up, *_SOURCE.findall(text)) if name.startswith("/")]


def _looked_up(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield look-ups: as they are written, their kind, and what they look up where that is written out."""
    for match in _LOOKUP.finditer(text):
        yield match[0].strip(), match[1], match[2] or ""
    for match in _LOOP.finditer(text):
        yield match[0].strip(), match[1], (match[2] or "").strip("'\" ")


def _is_known(name: str, own: Collection[str]) -> bool:
    if not name or "{" in name or "*" in name:
        return False
    return name.startswith("/") or any(one == name or one.endswith(f"/{name}") for one in own)
