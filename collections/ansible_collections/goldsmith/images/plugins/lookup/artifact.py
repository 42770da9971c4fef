# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: artifact
short_description: Look up an image that Goldsmith has recorded
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Returns the ID of an AMI, or the digest of a Docker image, by the image's version or by a channel that points at it.
  - Asks the program C(goldsmith) on the controller, as C(goldsmith images resolve) does; which registry that is, the
    environment variables E(GOLDSMITH_REGISTRY) and E(GOLDSMITH_HOME) say.
  - Fails for a version that is revoked.
options:
  _terms:
    description:
      - What is looked up, each V(NAME@VERSION) or V(NAME:CHANNEL), or V(NAME) for the newest one that is not revoked.
    type: list
    elements: str
    required: true
  platform:
    description: The platform; may be left out where there is only one.
    type: str
  target:
    description: The target, such as V(docker) or V(ec2); may be left out where there is only one.
    type: str
  region:
    description: The region of an AMI; by default the one it was built in.
    type: str
  executable:
    description: The program. It is looked for beside Ansible's own interpreter, too.
    type: str
    default: goldsmith
    env:
      - name: GOLDSMITH_EXECUTABLE
"""

EXAMPLES = r"""
- name: Launch what is in production
  amazon.aws.ec2_instance:
    name: web
    image_id: "{{ lookup('goldsmith.images.artifact', 'web:production', target='ec2', region='eu-west-1') }}"

- name: Run a container of version 12
  community.docker.docker_container:
    name: web
    image: "{{ lookup('goldsmith.images.artifact', 'web@12', target='docker') }}"
"""

RETURN = r"""
_raw:
  description:
    - "The AMI's ID; of a Docker image V(repository@sha256:…) where it was pushed, else its ID."
  type: list
  elements: str
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible's base class has no types
    """Asks the program for each term."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return what the terms mean, in their order.

        Raises:
            AnsibleLookupError: The program is not there, or refuses.
        """
        self.set_options(var_options=variables, direct=kwargs)
        program = self.get_option("executable")
        beside = str(Path(sys.executable).parent)
        path = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
        found = shutil.which(program, path=path)
        if found is None:
            raise AnsibleLookupError(
                f"The program {program} is not on the controller. Install it there: pip install goldsmith"
            )
        options: list[str] = []
        for name in ("platform", "target", "region"):
            if self.get_option(name):
                options += [f"--{name}", str(self.get_option(name))]
        return [_resolve([found, "images", "resolve", *options, "--", str(term)]) for term in terms]


def _resolve(command: list[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = done.stderr.strip().replace("error: ", "", 1) or f"it ended with status {done.returncode}"
        raise AnsibleLookupError(f"{command[-1]} cannot be looked up: {told}")
    return done.stdout.strip()
