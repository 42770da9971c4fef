# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation that the EC2 modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment C(goldsmith.images.aws): which account and where. Its counterpart is C(AWS_OPTIONS)."""

    DOCUMENTATION = r"""
options:
  region:
    description: Region. By default that of E(AWS_REGION) or E(AWS_DEFAULT_REGION), else the profile's.
    type: str
  profile:
    description: Profile of the AWS configuration. By default that of E(AWS_PROFILE).
    type: str
  endpoint_url:
    description: Endpoint of the API. By default that of E(AWS_ENDPOINT_URL), else AWS's own.
    type: str
requirements:
  - boto3 >= 1.35 (Python package)
notes:
  - Credentials are found as every AWS client finds them, in the environment, a profile or the machine's role.
"""
