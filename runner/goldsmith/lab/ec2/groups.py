"""Security groups: one that is in use stays."""

from __future__ import annotations

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, refuse


class Groups(LabResponse):
    """Actions on security groups."""

    def delete_security_group(self) -> ActionResult:
        """Delete a security group that no network interface is in."""
        identifier = self._get_param("GroupId")
        if not identifier and (name := self._get_param("GroupName")):
            group = self.ec2_backend.get_security_group_by_name_or_id(name)
            identifier = group.id if group else None
        for nic in self.ec2_backend.enis.values():
            if identifier in {group.id for group in nic.group_set}:
                raise refuse("DependencyViolation", f"resource {identifier} has a dependent object")
        result: ActionResult = super().delete_security_group()
        return result
