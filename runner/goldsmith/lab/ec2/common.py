"""What the lab's EC2 actions share: the cloud behind the API, dry runs, errors, tags in the call that creates."""

from __future__ import annotations

from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from goldsmith.lab.cloud import Cloud, Content
from goldsmith.lab.ec2.resources import add_bases
from goldsmith.lab.gateway import FAULT


class LabResponse(EC2BaseResponse):
    """A call of EC2's API.

    Attributes:
        cloud: The lab's resources beyond moto's; set before the first call.
    """

    cloud: ClassVar[Cloud]
    _prepared: ClassVar[set[str]] = set()

    @property
    def ec2_backend(self) -> Any:
        """The region's backend of moto, with the public images."""
        backend = super().ec2_backend
        self.prepare(backend)
        return backend

    @classmethod
    def prepare(cls, backend: Any) -> None:
        """Add the public images to a region that has none yet."""
        key = f"{backend.account_id}/{backend.region_name}"
        if key not in cls._prepared:
            cls._prepared.add(key)
            for snapshot, base in add_bases(backend).items():
                cls.cloud.contents[snapshot] = Content(base.reference, base.user, base)

    @property
    def _fault(self) -> str:
        """Kind of the fault that happens to this call, or empty."""
        return str(self.normalized_request.environ.get(FAULT, ""))

    def _tags(self, kind: str) -> dict[str, str]:
        """Return the tags that the call gives to what it creates of a kind, such as ``image``."""
        found: dict[str, str] = {}
        for given in self._get_param("TagSpecifications", []) or self._get_param("TagSpecification", []):
            if given.get("ResourceType") == kind:
                found |= {tag["Key"]: tag.get("Value", "") for tag in given.get("Tags", [])}
        return found


def refuse(code: str, message: str) -> EC2ClientError:
    """Return the error that EC2 answers."""
    return EC2ClientError(code, message)


def returned(**result: Any) -> ActionResult:
    """Return what an action answers."""
    return ActionResult(result)
