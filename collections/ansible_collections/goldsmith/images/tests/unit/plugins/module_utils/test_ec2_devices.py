# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block devices as the API takes them."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_devices import mappings


@pytest.mark.parametrize(
    ("device", "mapping"),
    [
        (
            {"device": "/dev/sdf", "size": 8, "type": "gp3", "iops": None, "encrypted": False, "no_device": False},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "Encrypted": False}},
        ),
        (
            {"device": "/dev/sdg", "snapshot": "snap-1", "kms_key": "alias/k", "encrypted": True},
            {"DeviceName": "/dev/sdg", "Ebs": {"SnapshotId": "snap-1", "KmsKeyId": "alias/k", "Encrypted": True}},
        ),
        ({"device": "/dev/sdh", "no_device": True, "size": 8}, {"DeviceName": "/dev/sdh", "NoDevice": ""}),
        (
            {"device": "/dev/sdb", "virtual_name": "ephemeral0", "no_device": False},
            {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
        ),
    ],
)
def test_what_is_not_given_is_left_to_ec2(device, mapping):
    assert mappings([device]) == [mapping]
