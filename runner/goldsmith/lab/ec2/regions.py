"""Regions: those that an account has from the beginning."""

from __future__ import annotations

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, returned


class Regions(LabResponse):
    """Actions on regions."""

    def describe_regions(self) -> ActionResult:
        """List the regions that are enabled, or all; moto lists those of other partitions, too."""
        self.error_on_dryrun()
        wanted = self._get_param("RegionNames", [])
        every = wanted or self._get_bool_param("AllRegions")
        found = [
            region
            for region in self.ec2_backend.describe_regions(wanted)
            if region.name in self.ec2_backend.regions_opt_in_not_required or every
        ]
        return returned(Regions=found)
