"""The command that writes pages to read."""

from __future__ import annotations

import json
from pathlib import Path

import click

from goldsmith.cli._common import json_option, open_registry
from goldsmith.errors import InputError

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("build", required=False)
@click.option("--all", "every", is_flag=True, help="Write an index of all images, with the page of each beside it.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write, of HTML."
)
@click.option("--plan", type=_FILE, help="What `goldsmith plan --json` printed, to show what is out of date.")
@click.option("--fleet", type=_FILE, help="What `goldsmith fleet --json` printed, to show in the index what runs.")
@json_option
def report(
    *, build: str | None, every: bool, output: Path, plan: Path | None, fleet: Path | None, machine: bool
) -> None:
    """Write what is recorded of BUILD as one page: its id, the beginning of it, or a label: web/debian-12/docker."""
    from goldsmith.home import home
    from goldsmith.report.publish import Beside, all_pages, build_page
    from goldsmith.report.surveys import read_fleet, read_plan

    if every == (build is not None):
        raise InputError("name a BUILD, or --all", "goldsmith report --help tells more.")
    if fleet and not every:
        raise InputError("--fleet is shown in the index", "Give --all as well.")
    beside = Beside(read_plan(plan) if plan else {}, read_fleet(fleet) if fleet else None)
    with open_registry() as registry:
        if build is not None:
            record = registry.find_build(build)
            build_page(registry, record, home(), output, beside)
            said, document = f"{output}: build {record.id} of {record.label}", {"builds": 1}
        else:
            number = all_pages(registry, home(), output, beside)
            said, document = f"{output}: {number} images", {"builds": number}
    click.echo(json.dumps({"file": str(output), **document}) if machine else said)
