"""Commands that ask the registry."""

from __future__ import annotations

import json

import click

from goldsmith.cli._common import json_option, open_registry


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def images(ctx: click.Context, machine: bool) -> None:
    """List the images that are recorded."""
    from goldsmith.show import document, images_table

    if ctx.invoked_subcommand is None:
        with open_registry() as registry:
            found = registry.images()
        click.echo(json.dumps(document(found), indent=2) if machine else images_table(found))


@images.command("show")
@click.argument("name")
@json_option
def images_show(name: str, machine: bool) -> None:
    """Show the image NAME, or one version of it: NAME@VERSION."""
    from goldsmith.show import document, image_text

    with open_registry() as registry:
        found = registry.image(name)
    click.echo(json.dumps(document(found), indent=2) if machine else image_text(found))
