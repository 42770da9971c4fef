"""Commands for EC2 on this machine."""

from __future__ import annotations

import json

import click

from goldsmith.cli._common import json_option, say


@click.group()
def lab() -> None:
    """EC2 on this machine, for trying and testing: no AWS account is needed, and nothing costs money."""


@lab.command("up")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port to answer at; by default any.")
def lab_up(port: int | None) -> None:
    """Start the lab, unless it runs."""
    from goldsmith.home import home, is_held
    from goldsmith.lab import running

    if not is_held(home() / "lab"):
        say("Starting the lab; the first time its Debian is made, which takes a minute.")
    found = running(home() / "lab", port or 0)
    click.echo(f'The lab answers at {found.endpoint}; point any AWS client at it: eval "$(goldsmith lab env)"')


@lab.command("status")
@json_option
def lab_status(machine: bool) -> None:
    """Show the lab's instances, and the images that were made in it."""
    from goldsmith.home import home
    from goldsmith.lab import Lab
    from goldsmith.lab.show import status_text

    found = Lab.attach(home() / "lab")
    status = found.status()
    click.echo(
        json.dumps({"endpoint": found.endpoint, **status}, indent=2) if machine else status_text(found.endpoint, status)
    )


@lab.command("env")
def lab_env() -> None:
    """Print the environment that points AWS clients at the lab, for the shell's eval."""
    from goldsmith.home import home
    from goldsmith.lab import Lab
    from goldsmith.lab.show import environment_text

    click.echo(environment_text(Lab.attach(home() / "lab").environment))


@lab.command("down")
def lab_down() -> None:
    """End the lab, and remove all that it has in the Docker engine, also when it was killed."""
    from goldsmith.home import home
    from goldsmith.lab import down

    click.echo("The lab is gone." if down(home() / "lab") else "There is no lab.")
