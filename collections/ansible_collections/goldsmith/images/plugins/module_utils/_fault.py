# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module tells its user when it cannot do its work."""

from __future__ import annotations


class Fault(Exception):
    """Something a module tells its user: what happened, to what, and what to do now."""
