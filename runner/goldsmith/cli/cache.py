"""Commands for the layer cache."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import click

from goldsmith.cli._common import json_option, length_of_time, say
from goldsmith.errors import InputError


@click.group()
def cache() -> None:
    """The layer cache: what unchanged layers are taken from, in the Docker engine and in EC2."""


_targets = click.option(
    "--target", "targets", multiple=True, type=click.Choice(["docker", "ec2"]), help="Only of this target."
)
_regions = click.option(
    "--region", "regions", multiple=True, metavar="REGION", help="Region of EC2; by default those built in from here."
)


@cache.command("ls")
@_targets
@_regions
@json_option
def cache_ls(targets: tuple[str, ...], regions: tuple[str, ...], machine: bool) -> None:
    """List the layers in the cache."""
    from goldsmith.caches import listed, places
    from goldsmith.home import home
    from goldsmith.show.cache import cache_text
    from goldsmith.show.text import document

    found, notes = listed(places(home(), targets, regions))
    for note in notes:
        say(note)
    click.echo(json.dumps(document(found), indent=2) if machine else cache_text(found))


@cache.command("prune")
@click.option("--older-than", metavar="TIME", help="Only what is at least this old, such as 7d.")
@click.option("--keep", metavar="SIZE", help="Only the oldest, until no more than this is left, such as 10GB.")
@_targets
@_regions
@click.option("--check", is_flag=True, help="Only list.")
@json_option
def cache_prune(
    *,
    older_than: str | None,
    keep: str | None,
    targets: tuple[str, ...],
    regions: tuple[str, ...],
    check: bool,
    machine: bool,
) -> None:
    """Remove layers from the cache; without an age and a size, all of them, and what builds share of downloads.

    Images stay as they are.
    """
    from goldsmith.caches import places, prune
    from goldsmith.home import home
    from goldsmith.show.cache import pruned_text
    from goldsmith.show.text import document

    age: timedelta | None = length_of_time("--older-than", older_than) if older_than else None
    where = places(home(), targets, regions)
    removals, notes = prune(where, age, _bytes(keep) if keep else None, check=check)
    for note in notes:
        say(note)
    click.echo(json.dumps(document(removals), indent=2) if machine else pruned_text(removals))
    sys.exit(1 if notes else 0)


def _bytes(text: str) -> int:
    """Return a number of bytes, written such as 500MB or 2GiB."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise InputError(f"--keep {text} is no size", "Write it like 500MB, 10GB or 2GiB.") from error
