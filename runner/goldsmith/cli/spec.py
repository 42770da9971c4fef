"""Commands that read specs and change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from goldsmith.cli._common import (
    SPEC,
    chosen_builds,
    json_option,
    only_option,
    open_registry,
    set_option,
    specs_argument,
    target_option,
)


@click.command()
@click.argument("path", type=SPEC, default=Path("image.yml"))
def init(path: Path) -> None:
    """Write a small spec that builds as it stands, to PATH."""
    from goldsmith.init import write_spec

    written = write_spec(path)
    click.echo(f"{written} is written. Build it: goldsmith build {written}")


@click.command()
@specs_argument
@set_option
def validate(specs: tuple[Path, ...], assignments: tuple[str, ...]) -> None:
    """Check SPECs, and name all that is wrong with them."""
    from goldsmith.build import plans

    builds = chosen_builds(specs, assignments)
    with open_registry() as registry:
        labels = [plan.build.label for plan in plans(builds, registry, require_parents=False)]
    for label in labels:
        click.echo(f"{label}: valid")


@click.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from goldsmith.spec import json_schema
    from goldsmith.targets import installed

    click.echo(json.dumps(json_schema(installed()), indent=2))


@click.command()
@specs_argument
@set_option
@only_option
@target_option
@json_option
def plan(
    *,
    specs: tuple[Path, ...],
    assignments: tuple[str, ...],
    only: tuple[str, ...],
    targets: tuple[str, ...],
    machine: bool,
) -> None:
    """Show what a build of SPECs would do, without doing it."""
    from goldsmith.build import plans
    from goldsmith.show import plan_document, plan_text

    builds = chosen_builds(specs, assignments, only, targets)
    with open_registry() as registry:
        found = plans(builds, registry, require_parents=False)
    if machine:
        click.echo(json.dumps([plan_document(one) for one in found], indent=2))
    else:
        click.echo("\n\n".join(plan_text(one) for one in found))


@click.command()
@click.argument("spec", type=SPEC)
@click.argument("directory", type=SPEC)
@set_option
@only_option
@target_option
def export(
    *, spec: Path, directory: Path, assignments: tuple[str, ...], only: tuple[str, ...], targets: tuple[str, ...]
) -> None:
    """Write the Ansible project that builds SPEC to DIRECTORY; ansible-playbook runs it by itself."""
    from goldsmith.build import export_projects, plans
    from goldsmith.project import PLAYBOOK

    builds = chosen_builds((spec,), assignments, only, targets)
    with open_registry() as registry:
        places = export_projects(plans(builds, registry), directory)
    for place in places:
        click.echo(f"cd {place} && ansible-playbook {PLAYBOOK}")
