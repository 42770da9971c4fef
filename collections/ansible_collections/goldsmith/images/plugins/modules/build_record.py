#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: build_record
short_description: Write a part of a build's record, on the controller
version_added: "0.1.0"
author:
  - Goldsmith contributors (@goldsmith)
description:
  - Writes a mapping as JSON into a file of the controller, whole or not at all, whatever host the task is for.
  - The playbooks tell by it how a build ended and how its machine can be entered, and what became of live servers.
attributes:
  check_mode:
    support: full
    description: Says whether the file would change.
  diff_mode:
    support: none
    description: What a build tells is new each time.
  idempotent:
    support: full
    description: A file that holds the same is left alone.
options:
  path:
    description: The file. Its directory is made where it is missing.
    type: path
    required: true
  record:
    description: What to write.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the result
  goldsmith.images.build_record:
    path: "{{ goldsmith_result }}"
    record:
      schema: 1
      status: built
"""

RETURN = ""
