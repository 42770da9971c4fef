# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module ec2_ami_lifecycle, which runs it without a process of its own; see `_here`."""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.modules import ec2_ami_lifecycle
from ansible_collections.goldsmith.images.plugins.plugin_utils._here import HereAction


class ActionModule(HereAction):
    """Run the module."""

    main = staticmethod(ec2_ami_lifecycle.main)
