#!/usr/bin/env python3
"""Write the pages that follow from the table of controls: docs/controls.md, and the tables in the role's README.

Usage: scripts/controls.py [--check]

With --check nothing is written, and the exit status says whether all is up to date.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
ROLE = ROOT / "collections/ansible_collections/goldsmith/images/roles/os_hardening"
README = ROLE / "README.md"
PAGE = ROOT / "docs/controls.md"

# Keys of a control that tell of it; the others are what it demands.
TELLS = ("id", "cis", "anssi", "level", "title", "why", "breaks", "needs", "guard", "purpose")

NEEDS = {
    "engine": "a container engine",
    "grub": "GRUB",
    "init": "an init system of its own",
    "journald": "the journal",
    "kernel": "a kernel of its own",
    "own_zones": "zones of your own in firewalld",
    "sshd": "the SSH server",
    "systemd": "systemd",
}
FAMILIES = {"debian": "a system of Debian's family", "redhat": "a system of Red Hat's family"}
GUARDS = {
    "passwords": "is not applied while nobody who administers the machine has a key",
    "root_login": "is not applied while root is the only one who can log in and administer the machine",
    "su": "is not applied while su is the only way to become root",
    "sudo_authenticate": "is not applied while an account that it would ask for a password has none",
    "sudo_password": "is not applied while an account that becomes root without a password has none",
}


@functools.cache
def _documents() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted((ROLE / "vars/main").glob("*.yml")):
        found |= yaml.safe_load(file.read_text())
    return found


def variables(name: str) -> Any:
    """Return a variable of the role as it stands in its files."""
    return _documents()[name]


def table() -> dict[str, list[dict[str, Any]]]:
    """Return the controls by area."""
    return {area: variables(f"__os_hardening_controls_{area}") for area in variables("__os_hardening_table")}


def options() -> dict[str, dict[str, Any]]:
    """Return the role's variables as its argument specification has them."""
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())
    found: dict[str, dict[str, Any]] = specs["argument_specs"]["main"]["options"]
    return found


def page() -> str:
    """Return docs/controls.md."""
    controls = table()
    everything = [control for found in controls.values() for control in found]
    left_out = variables("__os_hardening_left_out")
    numbered = [control for control in everything if "cis" in control]
    beyond = len(everything) - len(numbered)
    lines = [
        "# The controls of os_hardening",
        "",
        "Written by `scripts/controls.py` from the table in the role's `vars/main`. Numbers are those of the CIS",
        f"benchmark for Debian 12, version 1.1.0: {len(numbered)} of its recommendations are controls here,",
        f"{len(left_out)} are not, for the reasons at the end, and {beyond} controls go beyond it.",
        "A control that needs what is not there is reported as *not applicable*. `--tags` takes the name of a control",
        "or of an area with `os_hardening_` before it, `level1`, `level2`, and sections such as `cis_5_1_20`.",
        "Names of packages, units and paths are Debian's. What Red Hat's family calls them otherwise stands in",
        "the role's `vars/main/platforms.yml`.",
        "",
    ]
    for area, found in controls.items():
        lines += [f"## {area}", "", f"Switch: `os_hardening_{area}_enabled`.", ""]
        for control in found:
            lines += list(_control(control))
    lines += ["## Recommendations that are no controls", "", "| CIS | why |", "|---|---|"]
    lines += [f"| {entry['cis']} | {entry['why']} |" for entry in left_out]
    lines += ["", "## Rules of ANSSI BP-028 that a container of level 1 does not meet", "", "| rule | met by | why |"]
    lines += ["|---|---|---|"]
    for entry in variables("__os_hardening_left_out_anssi"):
        lines.append(f"| `{entry['rule']}` | {entry.get('met_by', '')} | {entry['why']} |")
    return "\n".join(lines) + "\n"


def _control(control: Mapping[str, Any]) -> Iterator[str]:
    head = [f"CIS {control['cis']}"] if "cis" in control else []
    level = control["level"]
    head.append(f"level {level}" if level < 3 else "only when os_hardening_include names it")
    yield f"### {control['id']}"
    yield ""
    yield f"{control['title']} ({', '.join(head)}). {control['why']}"
    needs = ", ".join(map(_need, control["needs"]))
    if needs:
        yield f"- Needs {needs}."
    if "breaks" in control:
        yield f"- May break: {control['breaks']}"
    if "guard" in control:
        yield f"- It {GUARDS[control['guard']]}."
    if "purpose" in control:
        yield "- What is installed is removed when os_hardening_include names it. Until then it is reported as failed."
    demands = "; ".join(_demand(key, value) for key, value in control.items() if key not in TELLS)
    yield f"- Demands {demands}."
    family = variables("__os_hardening_family_redhat")
    if control["id"] in family["absent"]:
        yield f"- Not applicable on Red Hat's family: {family['absent'][control['id']]}."
    elif control["id"] in family["instead"]:
        own = family["instead"][control["id"]]
        demands = "; ".join(_demand(key, value) for key, value in own.items() if key not in TELLS)
        yield f"- Demands on Red Hat's family instead: {demands}."
    yield ""


def _need(need: str) -> str:
    if need.startswith("not:"):
        return f"no {_need(need[4:]).removeprefix('a ').removeprefix('an ').removeprefix('the ')}"
    kind, _, name = need.partition(":")
    if "=" in need:
        choice, _, value = need.partition("=")
        return f"`os_hardening_{choice}` to be {value}"
    if kind == "family":
        return FAMILIES[name]
    words = {"package": f"the package {name}", "mount": f"{name} as a file system", "given": f"`{name}`"}
    return NEEDS.get(need) or words.get(kind) or f"`{name}`"


def _demand(key: str, value: Any) -> str:
    if isinstance(value, str):
        return f"{key}: `{value}`" if "{{" not in value else key
    if isinstance(value, dict):
        return f"{key}: " + ", ".join(f"`{name}{_value(its)}`" for name, its in value.items())
    if isinstance(value, list):
        return f"{key}: " + ", ".join(f"`{_item(item)}`" for item in value)
    return key


def _value(value: Any) -> str:
    if value is True or value == {} or (isinstance(value, str) and "{{" in value):
        return ""
    if isinstance(value, dict):
        return "".join(f" {key}={its}" for key, its in value.items() if "{{" not in str(its))
    return f" {value}"


def _item(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    name = item.get("path") or item.get("module") or ""
    more = [item[key] if isinstance(item[key], str) else "" for key in ("at_most", "mode") if key in item]
    more += [",".join(item.get("options", []))]
    return " ".join([name, *filter(None, more)])


def readme(text: str) -> str:
    """Return the role's README with its tables as the table of controls and the argument specification have them."""
    controls = table()
    rows = ["| area | controls | of them CIS | level 1 |", "|---|---|---|---|"]
    for area, found in controls.items():
        numbered = sum("cis" in control for control in found)
        rows.append(f"| `{area}` | {len(found)} | {numbered} | {sum(c['level'] == 1 for c in found)} |")
    text = _between(text, "controls", rows)
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, option in options().items():
        meaning = re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", " ".join(option["description"])).replace("|", "\\|")
        rows.append(f"| `{name}` | {_default(option)} | {meaning} |")
    return _between(text, "variables", rows)


def _default(option: Mapping[str, Any]) -> str:
    if "default" not in option:
        return "as the facts say"
    default = option["default"]
    if isinstance(default, list) and len(default) > 4:
        return f"{len(default)} of them, see `defaults/main.yml`"
    if isinstance(default, str):
        return f'`"{default}"`' if len(default) < 40 else "a text, see `defaults/main.yml`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`".replace("'", '"')


def _between(text: str, mark: str, rows: list[str]) -> str:
    pattern = rf"(<!-- {mark}: .*? -->\n).*?(<!-- /{mark} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{chr(10).join(rows)}\n{found[2]}", text, flags=re.S)


def main() -> int:
    """Write the pages, or with ``--check`` tell which are not up to date."""
    pages = {PAGE: page(), README: readme(README.read_text())}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in sys.argv[1:]:
            sys.stdout.write(f"{path.relative_to(ROOT)} is not up to date: run scripts/controls.py\n")
        else:
            path.write_text(pages[path])
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
