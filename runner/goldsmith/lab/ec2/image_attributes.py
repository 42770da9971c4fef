"""What becomes of an image later: who may start it, its deprecation, protection, and what it is switched off by."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from goldsmith.lab.ec2.common import LabResponse, refuse, returned

_ACCOUNT = re.compile(r"^\d{12}$")
_ORGANIZATION = re.compile(r"^arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}$")
_UNIT = re.compile(r"^arn:aws[a-z-]*:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$")

_LISTS = {
    "UserIds": "UserId",
    "UserGroups": "Group",
    "OrganizationArns": "OrganizationArn",
    "OrganizationalUnitArns": "OrganizationalUnitArn",
}
"""Parameters of the older form of a change of permissions, and what they are in the newer one."""

_VALUES = {
    "description": ("Description", "description"),
    "kernel": ("KernelId", "kernel_id"),
    "bootMode": ("BootMode", "boot_mode"),
    "tpmSupport": ("TpmSupport", "tpm_support"),
    "imdsSupport": ("ImdsSupport", "imds_support"),
    "sriovNetSupport": ("SriovNetSupport", "sriov_net_support"),
    "deregistrationProtection": ("DeregistrationProtection", "deregistration_protection"),
}
"""Attributes that have one value: their names in the answer and in `Image`."""

FOREVER = timedelta(days=3650)
"""An image may be deprecated at most ten years from now."""


class ImageAttributes(LabResponse):
    """Changing images."""

    def modify_image_attribute(self) -> ActionResult:
        """Change who may start an image, its description, or whether it wants IMDSv2."""
        image = self._own_image(self._get_param("ImageId"))
        added, removed = changes(self, "LaunchPermission")
        for one in (*added, *removed):
            _check(one)
        if added and any(self._has_default_key(snapshot) for snapshot in image.snapshots):
            raise refuse(
                "InvalidParameter",
                "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
            )
        self.error_on_dryrun()
        kept = [one for one in image.launch_permissions if one not in removed]
        image.launch_permissions = kept + [one for one in added if one not in kept]
        attribute, value = self._get_param("Attribute"), self._get_param("Value")
        description = self._get_param("Description.Value")
        if description is not None or attribute == "description":
            image.description = description if description is not None else value
        imds = self._get_param("ImdsSupport.Value") or (value if attribute == "imdsSupport" else None)
        if imds:
            if imds != "v2.0":
                raise refuse("InvalidParameterValue", f"Value ({imds}) for parameter imdsSupport is invalid.")
            image.imds_support = imds
        return EmptyResult()

    def describe_image_attribute(self) -> ActionResult:
        """Return one attribute of an image."""
        image = self._own_image(self._get_param("ImageId"))
        attribute = self._get_param("Attribute")
        self.error_on_dryrun()
        if attribute == "launchPermission":
            return returned(ImageId=image.id, LaunchPermissions=image.launch_permissions)
        if attribute == "productCodes":
            return returned(ImageId=image.id, ProductCodes=[])
        if attribute == "blockDeviceMapping":
            # As EC2 answers, whoever asks.
            raise refuse("AuthFailure", "Unauthorized attempt to access restricted resource")
        if attribute == "lastLaunchedTime":
            return returned(ImageId=image.id, LastLaunchedTime={"Value": image.last_launched_time})
        if attribute not in _VALUES:
            raise refuse("InvalidParameterValue", f"Value ({attribute}) for parameter attribute is invalid.")
        name, field = _VALUES[attribute]
        return ActionResult({"ImageId": image.id, name: {"Value": getattr(image, field)}})

    def reset_image_attribute(self) -> ActionResult:
        """Make an image private."""
        image = self._own_image(self._get_param("ImageId"))
        self.error_on_dryrun()
        image.launch_permissions = []
        return EmptyResult()

    def enable_image_deprecation(self) -> ActionResult:
        """Say when an image is deprecated."""
        image = self._own_image(self._get_param("ImageId"))
        moment = _naive(self._get_param("DeprecateAt"))
        now = datetime.now(UTC).replace(tzinfo=None)
        if moment < now.replace(second=0, microsecond=0):
            raise refuse("InvalidParameterValue", "The deprecation date cannot be in the past.")
        if moment > now + FOREVER:
            raise refuse("InvalidParameterValue", "The deprecation date cannot be more than 10 years in the future.")
        self.error_on_dryrun()
        # EC2 rounds the seconds to the nearest minute.
        image.deprecated_at = (moment + timedelta(seconds=30)).replace(second=0, microsecond=0)
        return returned(Return=True)

    def disable_image_deprecation(self) -> ActionResult:
        """Take back the deprecation of an image."""
        image = self._own_image(self._get_param("ImageId"))
        self.error_on_dryrun()
        image.deprecated_at = None
        return returned(Return=True)

    def disable_image(self) -> ActionResult:
        """Let nobody start an image any more; it is shared with nobody then."""
        image = self._own_image(self._get_param("ImageId"))
        if image.state not in ("available", "disabled"):
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available")
        self.error_on_dryrun()
        image.state = "disabled"
        image.launch_permissions = []
        return returned(Return=True)

    def enable_image(self) -> ActionResult:
        """Let an image be started again."""
        image = self._own_image(self._get_param("ImageId"))
        self.error_on_dryrun()
        if image.state == "disabled":
            image.state = "available"
        return returned(Return=True)

    def enable_image_deregistration_protection(self) -> ActionResult:
        """Protect an image from being deregistered."""
        image = self._own_image(self._get_param("ImageId"))
        self.error_on_dryrun()
        cooled = "enabled-with-cooldown" if self._get_bool_param("WithCooldown") else "enabled-without-cooldown"
        image.deregistration_protection = cooled
        return returned(Return=cooled)

    def disable_image_deregistration_protection(self) -> ActionResult:
        """Protect an image no more; one with a cooldown stays protected for a day."""
        image = self._own_image(self._get_param("ImageId"))
        self.error_on_dryrun()
        if image.deregistration_protection == "enabled-with-cooldown":
            return returned(Return="disabled-pending-cooldown")
        image.deregistration_protection = "disabled"
        return returned(Return="disabled")

    def _has_default_key(self, snapshot: str) -> bool:
        """Tell whether a snapshot is encrypted with AWS's own key, so that nobody else can read it."""
        found = self.ec2_backend.snapshots.get(snapshot)
        return bool(found and found.encrypted and found.kms_key_id == self.ec2_backend.default_kms_key_id)


def changes(response: Any, name: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the permissions that a call adds and removes.

    Args:
        response: The call.
        name: Parameter of the newer form, such as ``LaunchPermission``.
    """
    given = response._get_param(name, {})
    added, removed = list(given.get("Add", [])), list(given.get("Remove", []))
    operation = response._get_param("OperationType")
    if operation in ("add", "remove"):
        older = [{key: value} for many, key in _LISTS.items() for value in response._get_param(many, [])]
        # What snapshots call their groups.
        older += [{"Group": value} for value in response._get_param("GroupNames", [])]
        (added if operation == "add" else removed).extend(older)
    return added, removed


def _check(permission: dict[str, str]) -> None:
    checks = {
        "UserId": _ACCOUNT,
        "Group": re.compile(r"^all$"),
        "OrganizationArn": _ORGANIZATION,
        "OrganizationalUnitArn": _UNIT,
    }
    for key, value in permission.items():
        if key not in checks or not checks[key].match(value):
            raise refuse(
                "InvalidAMIAttributeItemValue",
                f'Invalid attribute item value "{value}" for {key[0].lower()}{key[1:]} item type.',
            )


def _naive(moment: Any) -> datetime:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment  # type: ignore[no-any-return]
