"""The layer cache in EC2: which checkpoints there are, which one a build would start from, and what of them goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.goldsmith.images.plugins.module_utils import _checkpoint_store
from ansible_collections.goldsmith.images.plugins.module_utils._ami import FAILED
from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws, explain
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint import Checkpoint
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from goldsmith.cache import CachedLayer, Removal, chosen
from goldsmith.errors import EnvironmentFault
from goldsmith.layers import CacheLayer
from goldsmith.plan import Plan

MACHINE = ("instance_type", "machine", "root_volume")
"""Options of the target that decide what a layer finds, as ``ec2_acquire.yml`` has them."""

Answer = TypeVar("Answer")


def listed(region: str) -> list[CachedLayer]:
    """Return the checkpoints in a region that can be used, or will be in a moment, the newest first.

    Raises:
        EnvironmentFault: EC2 cannot be asked.
    """
    found = [_layer(one, region) for one in _there(region) if one.state not in FAILED]
    return sorted(found, key=lambda one: one.made, reverse=True)


def prune(
    region: str, older_than: timedelta | None, keep_bytes: int | None, now: datetime, *, check: bool = False
) -> list[Removal]:
    """Remove checkpoints from a region: see `goldsmith.cache.prune`. Those that have failed go in any case.

    Raises:
        EnvironmentFault: EC2 cannot be asked.
    """
    there = _there(region)
    usable = [_layer(one, region) for one in there if one.state not in FAILED]
    failed = [_layer(one, region) for one in there if one.state in FAILED]
    going = [*failed, *chosen(usable, older_than, keep_bytes, now)]
    if check:
        return [Removal(layer, "goes") for layer in going]
    snapshots = {one.id: one.snapshots for one in there}
    client = _asked(region, lambda: _client(region))

    def removed(layer: CachedLayer) -> Removal:
        kept = _checkpoint_store.remove(client, layer.id, snapshots[layer.id])
        return Removal(layer, "kept", "; ".join(kept)) if kept else Removal(layer, "removed")

    return [_asked(region, lambda layer=layer: removed(layer)) for layer in going]  # type: ignore[misc]


def judged(plan: Plan, layers: Sequence[CacheLayer]) -> list[dict[str, Any]]:
    """Return of each layer of a plan whether a build would take it from a checkpoint: ``cache`` and ``reason``.

    Args:
        plan: The plan.
        layers: What its layers are made from.

    Raises:
        EnvironmentFault: EC2 cannot be asked.
    """
    base = plan.source.get("id") or _newest(plan)
    if base is None:
        return [{"cache": "miss", "reason": "what it starts from is not built yet"} for _ in layers]
    region = plan.options.get("region")
    machine = {name: plan.options[name] for name in MACHINE if name in plan.options}
    verdicts, _checkpoint = _asked(
        region or "", lambda: _checkpoint_store.look_up(_client(region), base, [asdict(one) for one in layers], machine)
    )
    return [verdict.as_dict() for verdict in verdicts]


def _newest(plan: Plan) -> str | None:
    found = plan.build.target.newest(plan.build.source, plan.build.options(plan.version))
    return found.id if found else None


def _there(region: str) -> list[Checkpoint]:
    return _asked(region, lambda: _checkpoint_store.checkpoints(_client(region)))


def _client(region: str | None) -> Any:
    return Aws(region=region or None).client()


def _asked(region: str, ask: Callable[[], Answer]) -> Answer:
    """Return an answer of EC2.

    Raises:
        EnvironmentFault: There is none.
    """
    where = f"the checkpoints in {region}" if region else "the checkpoints"
    try:
        return ask()
    except Fault as fault:
        raise EnvironmentFault(f"{where} cannot be looked at: {fault}") from fault
    except (ClientError, BotoCoreError) as error:
        raise EnvironmentFault(f"{where} cannot be looked at: {explain(error)}") from error


def _layer(one: Checkpoint, region: str) -> CachedLayer:
    return CachedLayer(one.id, one.key, one.name, one.image, one.made, one.size, region)
