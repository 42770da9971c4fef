"""Which images a caller sees."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.utils import generic_filter

from goldsmith.lab.ec2.common import LabResponse, page, refuse, returned


class ImageList(LabResponse):
    """Finding images."""

    def describe_images(self) -> ActionResult:
        """List images. Deprecated ones of others, and disabled ones, only where they are asked for."""
        self.error_on_dryrun()
        backend, account = self.ec2_backend, self.ec2_backend.account_id
        identifiers = self._get_param("ImageIds", [])
        if identifiers:
            found = [self._image(identifier) for identifier in identifiers]
        else:
            deprecated, disabled = (self._get_bool_param(f"Include{kind}") for kind in ("Deprecated", "Disabled"))
            found = [
                image
                for image in backend.amis.values()
                if (deprecated or not image.is_deprecated or image.owner_id == account)
                and (disabled or image.state != "disabled")
            ]
        owners = {account if owner == "self" else owner for owner in self._get_param("Owners", [])}
        if owners:
            found = [image for image in found if owners & {image.owner_id, image.owner_alias}]
        users = {account if user == "self" else user for user in self._get_param("ExecutableUsers", [])}
        if users:
            found = [image for image in found if users & _may_start(image)]
        found = generic_filter(self._filters_from_querystring(), found)
        shown, token = page(found, self._get_int_param("MaxResults"), self._get_param("NextToken"))
        return returned(Images=shown, NextToken=token)

    def _image(self, identifier: str, backend: Any = None) -> Any:
        """Return an image of a region, by default of this one."""
        backend = backend or self.ec2_backend
        image = backend.amis.get(identifier)
        if image is not None:
            return image
        if identifier in backend.deleted_amis:
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{identifier}' is no longer available")
        if not re.match(r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$", str(identifier)):
            raise refuse("InvalidAMIID.Malformed", f'Invalid id: "{identifier}"')
        raise refuse("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")

    def _own_image(self, identifier: str) -> Any:
        """Return an image that the caller may change."""
        image = self._image(identifier)
        if image.owner_id != self.ec2_backend.account_id:
            raise refuse("AuthFailure", f"Not authorized for image:{identifier}")
        return image


def _may_start(image: Any) -> set[str]:
    """Return who is allowed to start an image: ids of accounts, and ``all``."""
    return {one.get("UserId") or one.get("Group") or "" for one in image.launch_permissions}
