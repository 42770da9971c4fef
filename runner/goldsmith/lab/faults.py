"""Faults that a test orders: calls that are refused, whose answer is lost or kept back, machines that fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Kind = Literal["error", "lost", "dropped", "hold", "fails", "unreachable"]

STATUS = {
    "RequestLimitExceeded": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "InternalFailure": 500,
    "InsufficientInstanceCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InsufficientReservedInstanceCapacity": 500,
    "InsufficientAddressCapacity": 500,
    "InsufficientCapacity": 500,
    "UnauthorizedOperation": 403,
    "AuthFailure": 401,
    "AccessDenied": 403,
    "InvalidClientTokenId": 403,
    "SignatureDoesNotMatch": 403,
    "ExpiredToken": 403,
    "DryRunOperation": 412,
}
"""HTTP status of the errors that EC2 does not answer with 400."""

MESSAGES = {
    "RequestLimitExceeded": "Request limit exceeded.",
    "InsufficientInstanceCapacity": "We currently do not have sufficient capacity in the Availability Zone you "
    "requested. Our system will be working on provisioning additional capacity.",
    "UnauthorizedOperation": "You are not authorized to perform this operation. User: "
    "arn:aws:iam::123456789012:user/lab is not authorized to perform: {service}:{action} because no identity-based "
    "policy allows the {service}:{action} action",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the "
    "instance bucket that the specified instance type belongs to.",
    "RequestExpired": "Request has expired.",
    "ExpiredToken": "The security token included in the request is expired",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
}


@dataclass(frozen=True)
class Fault:
    """One fault, for some calls of an action.

    Attributes:
        action: Name of the API's action, such as ``RunInstances``; ``*`` for every one.
        kind: What happens to the call.
            ``error``: it is refused, nothing is done.
            ``lost``: it is done, and the connection closed without an answer.
            ``dropped``: it is not done, and the connection closed without an answer.
            ``hold``: it is done, and the answer is kept back until the fault is cleared.
            ``fails``: it is done, and the image that it makes ends ``failed``.
            ``unreachable``: it is done, and the instances that it starts never answer on the network.
        code: AWS's error code, for ``error``.
        message: AWS's message; by default one that AWS gives with this code.
        status: HTTP status; by default AWS's own for the code.
        first: The first call it happens to, of those that fit `action` and `match`, counted from 1 and from the moment
            that the fault was ordered.
        last: The last call it happens to; None for no end.
        call: It happens to the n-th call of all, whatever the action, and not by `first` and `last`.
        match: Parameters that the call must have, by their names in the request, such as
            ``{"InstanceType": "t3.small"}``.
    """

    action: str = "*"
    kind: Kind = "error"
    code: str = "InternalError"
    message: str = ""
    status: int | None = None
    first: int = 1
    last: int | None = None
    call: int | None = None
    match: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def no_capacity(cls, instance_type: str) -> Fault:
        """Return the fault that EC2 has no machine of a type left."""
        return cls("RunInstances", "error", "InsufficientInstanceCapacity", match={"InstanceType": instance_type})

    @classmethod
    def throttled(cls, action: str = "*", first: int = 1, last: int | None = None) -> Fault:
        """Return the fault that calls are throttled."""
        return cls(action, "error", "RequestLimitExceeded", first=first, last=last)

    def fits(self, action: str, parameters: Mapping[str, str]) -> bool:
        """Tell whether a call is one that the fault counts."""
        if self.action not in ("*", action):
            return False
        return all(parameters.get(name) == value for name, value in self.match.items())

    def happens(self, count: int) -> bool:
        """Tell whether the fault happens to the call of this number."""
        if self.call is not None:
            return count == self.call
        return self.first <= count and (self.last is None or count <= self.last)

    def http_status(self) -> int:
        """Return the HTTP status of an ``error``."""
        return self.status or STATUS.get(self.code, 400)

    def text(self, service: str, action: str) -> str:
        """Return the message of an ``error``."""
        known = MESSAGES.get(self.code, "The lab was told to refuse this call.")
        return self.message or known.format(service=service, action=action)

    def document(self) -> dict[str, Any]:
        """Return the fault as JSON has it."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Fault:
        """Return the fault that a document describes.

        Raises:
            ValueError: A key or the kind is unknown.
        """
        if unknown := set(document) - {one.name for one in fields(cls)}:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if document.get("kind", "error") not in get_args(Kind):
            raise ValueError(f"there is no fault of the kind {document['kind']!r}: {', '.join(get_args(Kind))}")
        return cls(**document)
