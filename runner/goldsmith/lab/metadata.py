"""The instance metadata service, with version 2's tokens: what a machine finds at 169.254.169.254.

It listens at the gateway of the machines' network, where their own rule leads them; who asks is told by the address.
"""

from __future__ import annotations

import http.server
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from goldsmith.lab.cloud import Cloud
from goldsmith.lab.ec2.guest import Guest

log = logging.getLogger("goldsmith.lab")

_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105  the name of a header
_LONGEST = 21600
_VERSION = re.compile(r"^/(latest|\d{4}-\d{2}-\d{2})(/|$)")

Tree = dict[str, Any]


class Metadata:
    """The service.

    Args:
        cloud: The lab's resources.
        address: Address to listen at.
    """

    def __init__(self, cloud: Cloud, address: str) -> None:
        self._cloud = cloud
        self._tokens: dict[str, tuple[str, float]] = {}
        service = self

        class Handler(_Handler):
            answer = service._answer

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.address: tuple[str, int] = (address, int(self._server.server_address[1]))
        threading.Thread(target=self._server.serve_forever, name="metadata", daemon=True).start()

    def _answer(self, client: str, method: str, path: str, headers: Any) -> tuple[int, str]:
        with self._cloud.lock:
            # Addresses are used again: the youngest machine has it.
            found = (one for one in reversed(self._cloud.guests.values()) if one.machine.address == client)
            guest = next(found, None)
            if guest is None:
                return 404, ""
            options = guest.instance.metadata_options
            if options.http_endpoint == "disabled":
                return 403, ""
            if method == "PUT":
                return self._new_token(guest, path, headers)
            given = headers.get(_TOKEN)
            if given is None and options.http_tokens == "required":
                return 401, ""
            if given is not None and self._tokens.get(given, ("", 0.0)) < (guest.instance.id, time.monotonic()):
                return 401, ""
            return _lookup(tree(guest), path)

    def _new_token(self, guest: Guest, path: str, headers: Any) -> tuple[int, str]:
        if path.rstrip("/") != "/latest/api/token":
            return 404, ""
        if headers.get("X-Forwarded-For"):
            return 403, ""
        ttl = headers.get(_TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= _LONGEST:
            return 400, ""
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (guest.instance.id, time.monotonic() + int(ttl))
        return 200, token


class _Handler(http.server.BaseHTTPRequestHandler):
    answer: Callable[[str, str, str, Any], tuple[int, str]]

    def do_GET(self) -> None:
        self._do()

    def do_PUT(self) -> None:
        self._do()

    def _do(self) -> None:
        status, text = type(self).answer(self.client_address[0], self.command, self.path, self.headers)
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing of every question."""


def tree(guest: Guest) -> Tree:
    """Return all that a machine finds, as directories and texts."""
    instance, nic = guest.instance, guest.instance.nics[0]
    backend = instance.ec2_backend
    public = {}
    if nic.public_ip:
        public = {"public-ipv4": nic.public_ip, "public-hostname": instance.public_dns_name}
    keys = {str(number): {"openssh-key": key} for number, key in enumerate(guest.boot.keys)}
    tags = {}
    if instance.metadata_options.instance_metadata_tags == "enabled":
        tags = {"tags": {"instance": dict(backend.tags.get(instance.id, {}))}}
    data: Tree = {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "hostname": instance.private_dns_name,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": instance.lifecycle or "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": nic.private_ip_address,
        "mac": nic.mac_address,
        "placement": {"availability-zone": instance.placement.zone, "region": backend.region_name},
        "profile": "default-hvm",
        "reservation-id": "",
        "security-groups": "\n".join(group.name for group in instance.security_groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
        **public,
        **({"public-keys": keys} if keys else {}),
        **tags,
        **_iam(instance),
    }
    document = {
        "accountId": backend.account_id,
        "architecture": instance.architecture,
        "availabilityZone": instance.placement.zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": nic.private_ip_address,
        "region": backend.region_name,
    }
    root: Tree = {"meta-data": data, "dynamic": {"instance-identity": {"document": json.dumps(document, indent=2)}}}
    if guest.boot.data:
        root["user-data"] = guest.boot.data.decode(errors="surrogateescape")
    return root


def _iam(instance: Any) -> Tree:
    """Return the credentials of the instance profile, if there is one."""
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    if association is None:
        return {}
    profile = association.iam_instance_profile
    now = datetime.now(UTC)
    credentials = {
        "Code": "Success",
        "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Type": "AWS-HMAC",
        "AccessKeyId": "goldsmithlab",
        "SecretAccessKey": "goldsmithlab",
        "Token": "goldsmithlab",
        "Expiration": (now + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    info = {"Code": "Success", "InstanceProfileArn": profile.arn, "InstanceProfileId": profile.id}
    roles = {role.name: json.dumps(credentials, indent=2) for role in profile.roles}
    return {"iam": {"info": json.dumps(info, indent=2), "security-credentials": roles}}


def _lookup(root: Tree, path: str) -> tuple[int, str]:
    """Return what is at a path: a text, or the names in a directory."""
    match = _VERSION.match(path)
    if not match:
        return (200, "latest") if path == "/" else (404, "")
    found: Any = root
    for name in filter(None, path[match.end() :].partition("?")[0].split("/")):
        if not isinstance(found, dict) or name not in found:
            return 404, ""
        found = found[name]
    if isinstance(found, dict):
        return 200, "\n".join(f"{name}/" if isinstance(value, dict) else name for name, value in found.items())
    return 200, found
