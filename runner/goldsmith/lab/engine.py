"""The lab's share of the Docker engine: a network, containers and images, each with the lab's label."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from goldsmith.errors import EnvironmentFault

LABEL = "io.goldsmith.lab"
"""Label of all that a lab has in the engine; its value is the lab's id."""

CONTENT = "goldsmith/lab"
"""Repository of the file systems of snapshots."""

_NETWORKS = ipaddress.IPv4Network("10.213.0.0/16")
"""Labs take a 256th of it each, where neither another network of the engine nor a route of this machine is."""

UNREACHABLE = "192.0.2.1"
"""Address of a machine without a network: nobody has one of this range (RFC 5737)."""

_ROUTES = Path("/proc/net/route")


def connect() -> docker.DockerClient:
    """Return a client of the engine that the environment names.

    Raises:
        EnvironmentFault: None answers, or it is another machine's.
    """
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not where.startswith("unix://"):
        raise EnvironmentFault(
            f"the lab's machines must run on this machine, and DOCKER_HOST is {where}",
            "Unset it, so that this machine's own engine is used.",
        )
    try:
        client = docker.from_env(timeout=600, max_pool_size=32)
        client.ping()
    except DockerException as error:
        raise EnvironmentFault(
            f"no Docker engine answers at {where}: {error}", "Start it, or name it by DOCKER_HOST."
        ) from error
    return client


class Engine:
    """What a lab does in the engine.

    Args:
        client: Client of the engine.
        lab: Id of the lab.

    Attributes:
        network: Name of the machines' network.
        gateway: This machine's address in it.
        metadata: Address and port at which the machines' metadata are served; None as long as they are not.
        unified_cgroups: Whether the kernel has version 2 of control groups.
    """

    def __init__(self, client: docker.DockerClient, lab: str) -> None:
        self.api: Any = client.api
        self.lab = lab
        self.network = f"goldsmith-lab-{lab}"
        self.gateway = ""
        self.unified_cgroups = False
        self.metadata: tuple[str, int] | None = None
        self._addresses: deque[str] = deque()

    def prepare(self) -> None:
        """Make the network of the lab's machines, and find out what else they need.

        Raises:
            EnvironmentFault: Every range of addresses is taken.
        """
        self.unified_cgroups = self.api.info().get("CgroupVersion") == "2"
        taken = list(_routes())
        candidates = [one for one in _NETWORKS.subnets(new_prefix=24) if not any(one.overlaps(two) for two in taken)]
        random.shuffle(candidates)
        for candidate in candidates[:20]:
            hosts = [str(host) for host in candidate.hosts()]
            pool = docker.types.IPAMPool(subnet=str(candidate), gateway=hosts[0])
            try:
                self.api.create_network(
                    self.network,
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels={LABEL: self.lab},
                    check_duplicate=True,
                )
            except APIError as error:
                if "overlap" not in str(error):
                    raise EnvironmentFault(f"the engine makes no network for the lab: {error}") from error
                continue
            self.gateway = hosts[0]
            self._addresses.extend(hosts[9:])
            return
        raise EnvironmentFault(f"no range of addresses is free in {_NETWORKS}", "Remove networks: docker network prune")

    def address(self) -> str:
        """Return an address that no machine has, nor had lately.

        Raises:
            IndexError: There is none left.
        """
        return self._addresses.popleft()

    def release(self, address: str) -> None:
        """Take back the address of a machine that is gone."""
        if address != UNREACHABLE:
            self._addresses.append(address)

    def remove_all(self) -> list[str]:
        """Remove everything of the lab, and return what it was."""
        mine = {"label": [f"{LABEL}={self.lab}"]}
        with ThreadPoolExecutor(8) as pool:
            removed = list(pool.map(self._remove_container, self.api.containers(all=True, filters=mine)))
        for image in self.api.images(filters=mine, all=True):
            # An image takes its parents along, as far as nothing else needs them.
            with contextlib.suppress(NotFound):
                self.api.remove_image(image["Id"], force=True)
                removed.append(f"image {(image.get('RepoTags') or [image['Id']])[0]}")
        for network in self.api.networks(filters=mine):
            with contextlib.suppress(NotFound):
                self.api.remove_network(network["Id"])
                removed.append(f"network {network['Name']}")
        return removed

    def _remove_container(self, container: dict[str, Any]) -> str:
        with contextlib.suppress(NotFound):
            self.api.remove_container(container["Id"], force=True, v=True)
        return f"container {container['Names'][0].lstrip('/')}"


def _routes() -> Iterator[ipaddress.IPv4Network]:
    """Yield the networks that this machine has a way to, without the default one."""
    if not _ROUTES.exists():
        return
    for line in _ROUTES.read_text(encoding="ascii").splitlines()[1:]:
        _interface, destination, *_rest = line.split()
        mask = line.split()[7]
        if int(mask, 16):
            address, bits = (int.from_bytes(bytes.fromhex(word)[::-1]) for word in (destination, mask))
            yield ipaddress.IPv4Network((address, bits.bit_count()))
