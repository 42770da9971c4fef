"""The command that compares what runs with what was approved."""

from __future__ import annotations

import json
import sys

import click

from goldsmith.cli._common import json_option, open_registry


@click.command()
@click.option("--channel", default="production", show_default=True, help="The channel that approves.")
@click.option("--docker", "engines", multiple=True, metavar="URL", help="A Docker engine, such as ssh://host.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="An AWS account, by its profile.")
@click.option("--region", "regions", multiple=True, metavar="NAME", help="A region of EC2, in each account.")
@click.option(
    "-i", "--inventory", "inventories", multiple=True, metavar="PATH", help="Machines of an Ansible inventory."
)
@click.option("--exit-code", is_flag=True, help="Exit with 4 when anything is not approved or could not be asked.")
@json_option
def fleet(
    *,
    channel: str,
    engines: tuple[str, ...],
    profiles: tuple[str, ...],
    regions: tuple[str, ...],
    inventories: tuple[str, ...],
    exit_code: bool,
    machine: bool,
) -> None:
    """Compare what runs with what was approved, by default in the Docker engine of this machine."""
    from goldsmith.fleet.survey import Places, survey
    from goldsmith.registry.reference import channel as checked
    from goldsmith.show.fleet import survey_document, survey_text

    local = not (engines or profiles or regions or inventories)
    places = Places(
        engines=(None,) if local else engines,
        profiles=(profiles or (None,)) if profiles or regions else (),
        regions=(regions or (None,)) if profiles or regions else (),
        inventories=inventories,
    )
    with open_registry() as registry:
        found = survey(registry, places, checked(channel))
    click.echo(json.dumps(survey_document(found), indent=2) if machine else survey_text(found))
    if exit_code and not found.clean:
        sys.exit(4)
    if any(not one.name for one in found.unreached):
        sys.exit(3)
