"""The layer cache, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from goldsmith.cache import CachedLayer, Removal
from goldsmith.show.text import age, size, table, text


def cache_text(layers: Sequence[CachedLayer]) -> str:
    """Return the layers in the cache as a table, and how much they take together."""
    if not layers:
        return "The layer cache is empty."
    somewhere = any(layer.region for layer in layers)
    shown = table("LAYER", "OF", *(["IN"] if somewhere else []), "KEY", "MADE", "SIZE")
    for layer in layers:
        place = [layer.region or "docker"] if somewhere else []
        shown.add_row(layer.name, layer.image, *place, layer.key[:12], age(layer.made), size(layer.size))
    return f"{text(shown)}\n\n{_total(layers)}"


def pruned_text(removals: Sequence[Removal]) -> str:
    """Return what became of the layers that were to go."""
    lines = []
    for state, verb in (("goes", "would go"), ("removed", "removed")):
        if layers := [one.layer for one in removals if one.state == state]:
            lines.append(f"{verb}: {_total(layers)}")
    lines += [f"kept {one.layer.name} {one.layer.key[:12]}: {one.reason}" for one in removals if one.state == "kept"]
    return "\n".join(lines) or "Nothing is to go."


def _total(layers: Sequence[CachedLayer]) -> str:
    count = len(layers)
    return f"{count} layer{'' if count == 1 else 's'}, {size(sum(layer.size for layer in layers))}"
