# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say what a disk is like."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say what a disk is like."""

    DOCUMENTATION = r"""
options:
  size:
    description:
      - Size of the whole disk, in bytes or with a unit, such as V(4G).
      - By default what the content needs and half a GiB more. The root file system grows with the disk that the image
        is written to.
    type: bytes
  firmware:
    description: What the machine starts from.
    type: list
    elements: str
    choices: [bios, uefi]
    default: [bios, uefi]
  filesystem:
    description: File system of the root partition, and of others that name none.
    type: str
    choices: [ext4]
    default: ext4
  partitions:
    description: File systems of their own, mounted with the options of the CIS benchmark.
    type: list
    elements: dict
    default: []
    suboptions:
      mount:
        description: Mount point, such as V(/var).
        type: path
        required: true
      size:
        description: Size, in bytes or with a unit.
        type: bytes
        required: true
      filesystem:
        description:
          - File system. V(xfs) takes 300 MiB at least, and no files with capabilities or other extended attributes, no
            hard links and no blanks in names; all its times are those of its making.
        type: str
        choices: [ext4, xfs]
  seed:
    description: Text from which the identities of disk, partitions and file systems follow.
    type: str
    required: true
"""
