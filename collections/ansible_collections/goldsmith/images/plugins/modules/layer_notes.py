#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: layer_notes
short_description: Leave in a machine what later layers may use, and take it up again
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Before a checkpoint of the machine is made by M(goldsmith.images.ec2_layer), writes down in it the variables and
    facts that were not there before the first layer, and sees to it that all is on the disk.
  - In a machine that was started from the checkpoint, returns them and removes the file.
  - Only root can read the file. Layers that use secrets are never kept, so that there are none in it.
options:
  state:
    description: Whether the notes shall be in the machine; V(absent) returns them.
    type: str
    choices: [present, absent]
    default: present
  known:
    description: Names of what was known before the first layer, in the keys C(variables) and C(facts).
    type: dict
    default: {}
  variables:
    description: Variables to keep. Filled in by the action; not to be given.
    type: dict
    default: {}
  facts:
    description: Facts to keep. Filled in by the action; not to be given.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Writes and removes nothing.
    support: full
  diff_mode:
    description: What is in the file is Ansible's own.
    support: none
  idempotent:
    description: When run again, changes nothing that is as wanted; notes that were taken up are gone.
    support: full
notes:
  - Has to run as root.
seealso:
  - module: goldsmith.images.ec2_layer
  - module: goldsmith.images.ec2_layer_info
"""

EXAMPLES = r"""
- name: Note what is known before the layers
  ansible.builtin.set_fact:
    known:
      variables: "{{ lookup('ansible.builtin.varnames', '.+', wantlist=true) }}"
      facts: "{{ ansible_facts.keys() | list }}"

- name: Install nginx
  ansible.builtin.include_role:
    name: nginx

- name: Write down what later layers may use
  goldsmith.images.layer_notes:
    known: "{{ known }}"
  become: true
"""

RETURN = r"""
variables:
  description: Variables that the layers have set.
  returned: O(state=absent)
  type: dict
  sample: {}
facts:
  description: Facts that they have gathered.
  returned: O(state=absent)
  type: dict
  sample: {}
archives:
  description:
    - Of each archive that packages are fetched from, by its line of sources.list, the SHA-256 of the signed index that
      the machine has fetched last; empty where it has none any more.
  returned: O(state=present)
  type: dict
  sample: {"deb http://deb.debian.org/debian bookworm main": ""}
refused:
  description: Why no machine can be started from a checkpoint; empty where one can.
  returned: O(state=present)
  type: str
  sample: ""
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Mapping
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import (
    PLACES,
    Source,
    index_url,
    list_name,
    read_sources,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

FILE = "var/lib/goldsmith-layer.json"
LISTS = "var/lib/apt/lists"


def archives(root: Path) -> Dict[str, str]:
    """Return the SHA-256 of the indexes that a machine has fetched, by line of sources.list; empty where it has none.

    Args:
        root: The machine's root directory.

    Raises:
        Fault: An address cannot be written down.
    """
    return {_line(source, root): _digest(source, root) for source in read_sources(_texts(root))}


def _texts(root: Path) -> Dict[str, str]:
    found = {}
    for place in (root / place.lstrip("/") for place in PLACES):
        files = sorted(place.iterdir()) if place.is_dir() else [place] if place.is_file() else []
        found.update(
            {
                str(file): file.read_text(encoding="utf-8", errors="replace")
                for file in files
                if file.suffix in (".list", ".sources")
            }
        )
    return found


def _line(source: Source, root: Path) -> str:
    uri = source.uri
    if uri.startswith("mirror+file:"):
        # A list of mirrors, one a line, with notes after it: apt-transport-mirror(1). Debian's images for EC2 have it.
        listed = root / urlsplit(uri).path.lstrip("/")
        lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
        uri = next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), uri)
    if "@" in urlsplit(uri).netloc:
        raise Fault("the address of an archive holds a name or a password")
    return f"deb {uri} {source.suite} {' '.join(source.components)}".rstrip()


def _digest(source: Source, root: Path) -> str:
    path = root / LISTS / list_name(index_url(source))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def refusal(root: Path) -> str:
    """Say why a machine that starts from this one's disk would not do what it is told; empty where it would.

    Args:
        root: The machine's root directory.
    """
    # What has served this boot is in /run; where another program did, that will do so again.
    if not (root / "run/cloud-init").exists():
        return ""
    disabled = (root / "etc/cloud/cloud-init.disabled").exists()
    path = ":".join(str(root / place) for place in ("usr/bin", "usr/local/bin", "bin"))
    if not disabled and shutil.which("cloud-init", path=path):
        return ""
    how = "switched off" if disabled else "gone"
    return f"cloud-init is {how}, which would let the next builder in and end it in time"


def write(module: AnsibleModule, root: Path, left: Mapping[str, Any]) -> Dict[str, Any]:
    """Write the notes, and all that is not on the disk yet; return what is known of the machine."""
    changed, found, refused = False, {}, refusal(root)
    try:
        found = archives(root)
        if not refused:
            changed = _write(root / FILE, json.dumps(left, sort_keys=True), dry=module.check_mode)
    except (Fault, OSError) as error:
        # A layer that is not kept is no reason to fail: the image is none the worse for it.
        refused = refused or str(error)
    return {"changed": changed, "archives": found, "refused": refused}


def _write(path: Path, text: str, *, dry: bool) -> bool:
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if dry:
        return before != text
    if before is not None:
        path.unlink()
    with os.fdopen(os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.sync()
    return before != text


def take(module: AnsibleModule, root: Path) -> Dict[str, Any]:
    """Return the notes, and remove them."""
    path = root / FILE
    if not path.exists():
        return {"changed": False, "variables": {}, "facts": {}}
    left = json.loads(path.read_text(encoding="utf-8"))
    if not module.check_mode:
        path.unlink()
    return {"changed": True, "variables": left["variables"], "facts": left["facts"]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "known": {"type": "dict", "default": {}},
            "variables": {"type": "dict", "default": {}},
            "facts": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    root = Path("/")
    try:
        if module.params["state"] == "absent":
            result = take(module, root)
        else:
            result = write(module, root, {key: module.params[key] for key in ("variables", "facts")})
    except (OSError, ValueError) as error:
        module.fail_json(
            msg=f"what the layers have left in /{FILE} cannot be taken up: {error}. Build with --no-cache."
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
