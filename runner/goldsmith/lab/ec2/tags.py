"""Tags: of what there is, and no longer of what is gone, which moto forgets to forget."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, page, refuse, returned


class Tags(LabResponse):
    """Actions on tags."""

    def describe_tags(self) -> ActionResult:
        """List tags, by resource and key."""
        self.error_on_dryrun()
        filters = {name: list(values) for name, values in self._filters_from_querystring().items()}
        for name in filters:
            if name not in ("key", "value", "resource-id", "resource-type") and not name.startswith("tag:"):
                raise refuse("InvalidParameterValue", f"The filter '{name}' is invalid")
        found = []
        for kind, identifier in existing(self.ec2_backend):
            for key, value in self.ec2_backend.tags.get(identifier, {}).items():
                tag = {
                    "key": key,
                    "value": value,
                    "resource-id": identifier,
                    "resource-type": kind,
                    f"tag:{key}": value,
                }
                if all(any(_matches(tag.get(name), one) for one in values) for name, values in filters.items()):
                    found.append({"ResourceId": identifier, "ResourceType": kind, "Key": key, "Value": value})
        shown, token = page(found, self._get_int_param("MaxResults"), self._get_param("NextToken"))
        return returned(Tags=shown, NextToken=token)


def existing(backend: Any) -> Iterator[tuple[str, str]]:
    """Yield kind and id of everything in a region that can have tags, and there is."""
    for tagged in backend.iter_tagged_resources():
        yield tagged.resource_type.partition(":")[2], tagged.arn.rpartition("/")[2]
    for pair in backend.key_pairs.values():
        yield "key-pair", pair.id
    for template in backend.launch_templates.values():
        yield "launch-template", template.id


def _matches(value: str | None, pattern: str) -> bool:
    return value is not None and fnmatch.fnmatchcase(value, pattern)
