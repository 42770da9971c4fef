"""Commands for the machines that builds use."""

from __future__ import annotations

import json
import sys

import click

from goldsmith.cli._common import json_option, open_registry


@click.command()
@click.argument("builds", nargs=-1)
@click.option("--check", is_flag=True, help="Only list.")
@json_option
def sweep(builds: tuple[str, ...], check: bool, machine: bool) -> None:
    """Remove what is left behind: of BUILDS, of builds whose runner was killed, and all that is past its expiry."""
    from goldsmith.home import home
    from goldsmith.show.builds import sweep_text
    from goldsmith.sweep import sweep_lost

    with open_registry() as registry:
        chosen = [registry.find_build(prefix).id for prefix in builds]
        report = sweep_lost(home(), registry, chosen, check=check)
    click.echo(json.dumps(report, indent=2) if machine else sweep_text(report, check=check))
    sys.exit(1 if report["failed"] or report["unsearched"] else 0)


@click.command()
@click.argument("build")
def shell(build: str) -> None:
    """Enter the machine of BUILD: its id, the beginning of it, or a label such as web/debian-12/docker."""
    from goldsmith.shell import enter

    with open_registry() as registry:
        record = registry.find_build(build)
    enter(record)
