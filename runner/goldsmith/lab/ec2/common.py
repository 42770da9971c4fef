"""What the lab's EC2 actions share: the cloud behind the API, client tokens, tags in the call that creates, pages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from goldsmith.lab.cloud import Cloud, Content
from goldsmith.lab.ec2.resources import add_bases
from goldsmith.lab.gateway import FAULT

Item = TypeVar("Item")


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


def idempotent(action: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """Decorate an action that does nothing again when it is called again with its client token.

    The second call gets what the first one made, as it is then; with other parameters it is refused.
    """

    @functools.wraps(action)
    def once(self: Any) -> ActionResult:
        token = self._get_param("ClientToken")
        if not token:
            return action(self)
        backend = self.ec2_backend
        key = (backend.account_id, backend.region_name, action.__name__, token)
        given = json.dumps(self.params, sort_keys=True, default=str)
        if key in self.cloud.tokens:
            before, result = self.cloud.tokens[key]
            if before != given:
                raise refuse(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
                )
            return result
        result = action(self)
        self.cloud.tokens[key] = (given, result)
        return result

    return once


def page(found: Sequence[Item], size: int | None, token: str | None) -> tuple[Sequence[Item], str | None]:
    """Return a page of what was found.

    Args:
        found: All of it.
        size: Most that the caller takes; None for all.
        token: Token that came with the page before.

    Returns:
        The page, and the token for the next one, if there is one.
    """
    start = int(token or 0)
    if size is None or start + size >= len(found):
        return found[start:], None
    return found[start : start + size], str(start + size)


def refuse(code: str, message: str) -> EC2ClientError:
    """Return the error that EC2 answers."""
    return EC2ClientError(code, message)


def returned(**result: Any) -> ActionResult:
    """Return what an action answers."""
    return ActionResult(result)
