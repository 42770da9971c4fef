#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: goss_binary
short_description: Find a goss binary on the controller, or fetch one
version_added: "0.1.0"
author:
  - Goldsmith contributors (@goldsmith)
description:
  - Answers with the path of a goss 0.4 binary, for M(goldsmith.images.goss) to bring to the machine it validates.
    Runs where the playbook runs.
  - Nothing is installed. What is fetched is kept in a cache and found there the next time, without a network.
attributes:
  check_mode:
    support: full
    description: Nothing is fetched in check mode. The path is then that of the file that would be written.
  diff_mode:
    support: none
    description: A binary has no diff.
  idempotent:
    support: full
    description: Reports a change only when it has fetched a binary.
options:
  path:
    description:
      - A binary to use, whatever else there is. It must be of version 0.4.
    type: path
  architecture:
    description:
      - The architecture of the machine to validate. By default the controller's.
    type: str
    choices: [amd64, arm64]
  origins:
    description:
      - Where to look, in this order. What was fetched before is used before anything is fetched.
      - V(installed) is the program goss on E(PATH), if it is of version 0.4.
      - V(release) is the project's release 0.4.9, checked by its sha256. It is statically linked and runs on any Linux.
      - V(debian) is Debian 13's package goss (0.4.9), for a controller that runs Debian. apt fetches it through lists
        of its own from the mirror that the system is set up with, and the binary is taken out of the package.
        It needs glibc 2.34 or later in the machine (Debian 12, Ubuntu 22.04, Enterprise Linux 9).
    type: list
    elements: str
    choices: [installed, release, debian]
    default: [installed, release, debian]
  url:
    description:
      - Where to download a binary instead of the release, such as a mirror of one's own. Used before the O(origins).
    type: str
  sha256:
    description:
      - The checksum of the file at O(url), hexadecimal.
    type: str
  cache:
    description:
      - The directory to keep what is fetched. By default C(goldsmith) in E(XDG_CACHE_HOME), which is C(~/.cache) if
        unset.
    type: path
requirements:
  - apt on the controller, for O(origins=debian)
notes:
  - A server that does not answer is given up after 10 seconds. Proxies are taken from the environment, and from apt's
    settings.
  - Builds that run side by side wait for one another's download.
seealso:
  - module: goldsmith.images.goss
"""

EXAMPLES = r"""
- name: Find goss, or fetch it
  goldsmith.images.goss_binary:
  delegate_to: localhost
  register: goss

- name: Use a mirror of one's own
  goldsmith.images.goss_binary:
    url: https://files.example.com/goss-linux-amd64
    sha256: 87dd36cfa1b8b50554e6e2ca29168272e26755b19ba5438341f7c66b36decc19
  delegate_to: localhost
  register: goss

- name: A static binary for an ARM machine, without a look at what is installed here
  goldsmith.images.goss_binary:
    architecture: arm64
    origins: [release]
  delegate_to: localhost
  register: goss
"""

RETURN = r"""
path:
  description: The binary's path on the controller.
  returned: success
  type: str
  sample: /home/user/.cache/goldsmith/goss-0.4.9-amd64
version:
  description:
    - The binary's version; V(unknown) when it is made for another architecture than the controller's and so cannot be
      asked.
  returned: success
  type: str
  sample: 0.4.9
origin:
  description: Where it came from, V(path), V(installed), V(release), V(url) or V(debian).
  returned: success
  type: str
  sample: release
"""

import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _goss_binary
from ansible_collections.goldsmith.images.plugins.module_utils._goss import GossError


class GossBinary:
    """The ways to a binary, tried one after the other."""

    def __init__(self, params: Dict[str, Any], check_mode: bool) -> None:
        self.path: Optional[str] = params["path"]
        self.origins: List[str] = params["origins"]
        self.url: Optional[str] = params["url"]
        self.sha256: Optional[str] = params["sha256"]
        self.architecture = params["architecture"] or _goss_binary.NATIVE
        self.cache = Path(params["cache"]) if params["cache"] else _goss_binary.default_cache(os.environ)
        self.check_mode = check_mode
        self.tried: List[str] = []

    def resolve(self) -> _goss_binary.Binary:
        """Return the first binary that can be had.

        Raises:
            GossError: None can; the message names every way and why it failed.
        """
        if not self.architecture:
            msg = "goss is offered for amd64 and arm64 only: name the architecture of the machine to validate."
            raise GossError(msg)
        if self.path:
            version = _goss_binary.usable_version(self.path, self.architecture)
            return _goss_binary.Binary(self.path, version, "path", fetched=False)
        if "installed" in self.origins and not self.url:
            try:
                return _goss_binary.installed(self.architecture)
            except GossError as error:
                self.tried.append(f"installed: {error}")
        sources = self._sources(self.architecture)
        for source in sources:
            found = _goss_binary.cached(source, self.cache)
            if found:
                return found
        for source in sources:
            if self.check_mode:
                return _goss_binary.Binary(
                    str(self.cache / source.name), source.version or "unknown", source.origin, fetched=True
                )
            try:
                return _goss_binary.fetch(source, self.cache)
            except GossError as error:
                self.tried.append(f"{source.origin}: {error}")
        ways = "\n".join(f"- {way}" for way in self.tried)
        raise GossError(
            f"no goss 0.4 for {self.architecture} could be had. Install it, or name a binary by path, or by url and "
            f"sha256. Tried:\n{ways}"
        )

    def _sources(self, architecture: str) -> List[_goss_binary.Source]:
        if self.url and self.sha256:
            return [_goss_binary.custom(self.url, self.sha256, architecture)]
        known = {"release": _goss_binary.release, "debian": _goss_binary.debian}
        return [known[origin](architecture) for origin in self.origins if origin in known]


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "path": {"type": "path"},
            "architecture": {"type": "str", "choices": ["amd64", "arm64"]},
            "origins": {
                "type": "list",
                "elements": "str",
                "choices": ["installed", "release", "debian"],
                "default": ["installed", "release", "debian"],
            },
            "url": {"type": "str"},
            "sha256": {"type": "str"},
            "cache": {"type": "path"},
        },
        required_together=[("url", "sha256")],
        mutually_exclusive=[("path", "url")],
        supports_check_mode=True,
    )
    try:
        binary = GossBinary(module.params, module.check_mode).resolve()
    except GossError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=binary.fetched, path=binary.path, version=binary.version, origin=binary.origin)


if __name__ == "__main__":
    main()
