"""Commands that read specs and change nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from goldsmith.cli._common import (
    SPEC,
    chosen,
    chosen_builds,
    cve_data_option,
    json_option,
    offline_option,
    only_option,
    open_registry,
    paths_argument,
    say,
    set_option,
    specs_argument,
    surveyed,
    target_option,
)

if TYPE_CHECKING:
    from goldsmith.plan import Plan

STALE = 4
"""Exit code of `plan --exit-code` when there is something to do."""


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
    from goldsmith.planning import plans

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
@paths_argument
@set_option
@only_option
@target_option
@offline_option
@cve_data_option
@click.option("--exit-code", is_flag=True, help="End with 4 when an image must be built anew.")
@json_option
def plan(
    *,
    specs: tuple[Path, ...],
    assignments: tuple[str, ...],
    only: tuple[str, ...],
    targets: tuple[str, ...],
    offline: bool,
    cve_data: str,
    exit_code: bool,
    machine: bool,
) -> None:
    """Show which images must be built anew and why, and what a build would do, without doing it.

    Of SPECs and of all specs in FOLDERs; without any, of all images that are recorded.
    """
    from goldsmith.errors import EnvironmentFault
    from goldsmith.planning import plans
    from goldsmith.show.patching import survey_json, survey_paragraphs, survey_table

    builds = chosen(specs, assignments, only, targets)
    with open_registry() as registry:
        found = plans(builds, registry, require_parents=False) if builds is not None else []
        survey = surveyed(registry, builds, offline=offline, cve_data=cve_data)
    files_only = not any(path.is_dir() for path in specs)
    caches, notes = _cached(found) if files_only and not offline else ({}, [])
    for note in (*survey.notes, *notes):
        say(note)
    if machine:
        for line in survey_json(survey, found, caches):
            click.echo(line)
    elif builds is not None and files_only:
        click.echo(survey_paragraphs(survey, found, caches))
    else:
        click.echo(survey_table(survey))
    if survey.faults:
        raise EnvironmentFault("not every image could be judged:\n" + "\n".join(survey.faults))
    if exit_code and survey.stale:
        sys.exit(STALE)


def _cached(plans: list[Plan]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Return what of the plans' layers is in the layer cache, by label, and why that is not known of others."""
    from goldsmith.errors import EnvironmentFault
    from goldsmith.planning import cache_layers
    from goldsmith.planning import caches as has_cache

    caches, notes = {}, []
    for one in plans:
        if has_cache(one):
            if one.build.target.checkpoints:
                from goldsmith.checkpoints import judged
            else:
                from goldsmith.cache import judged  # brings Docker's client, which other targets need not have

            try:
                caches[one.build.label] = judged(one, cache_layers(one))
            except EnvironmentFault as fault:
                notes.append(fault.message)
    return caches, list(dict.fromkeys(notes))


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
    from goldsmith.planning import export_projects, plans
    from goldsmith.project import PLAYBOOK

    builds = chosen_builds((spec,), assignments, only, targets)
    with open_registry() as registry:
        places = export_projects(plans(builds, registry), directory)
    for place in places:
        click.echo(f"cd {place} && ansible-playbook {PLAYBOOK}")
