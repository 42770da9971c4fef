"""What the commands share: arguments and options, and what they begin with."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.errors import InputError, Problem

if TYPE_CHECKING:
    from goldsmith.patching.survey import Survey
    from goldsmith.registry import Registry
    from goldsmith.spec import Build, LoadedSpec

SPEC = click.Path(path_type=Path)
specs_argument = click.argument("specs", nargs=-1, required=True, type=SPEC, metavar="SPEC...")
paths_argument = click.argument("specs", nargs=-1, type=SPEC, metavar="[SPEC|FOLDER]...")
offline_option = click.option(
    "--offline", is_flag=True, help="Judge by indexes and CVE data that were kept, however old they are."
)
cve_data_option = click.option(
    "--cve-data",
    metavar="DATA",
    envvar="GOLDSMITH_CVE_DATA",
    default="",
    help="Address or file of Debian's CVE data, or none; by default Debian's own server.",
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="Give a parameter another value."
)
only_option = click.option(
    "--only", multiple=True, metavar="GLOB", help="Only builds whose label matches, such as '*/docker'."
)
target_option = click.option("--target", "targets", multiple=True, metavar="NAME", help="Only builds of this target.")
json_option = click.option("--json", "machine", is_flag=True, help="Print JSON, for programs.")


def chosen_builds(
    specs: tuple[Path, ...], assignments: tuple[str, ...], only: tuple[str, ...] = (), targets: tuple[str, ...] = ()
) -> list[Build]:
    """Read specs and return their builds; what is wrong in any of them is told together."""
    from goldsmith.spec import builds, load, select
    from goldsmith.spec.folder import specs_in
    from goldsmith.targets import installed

    known, overrides = installed(), _overrides(assignments)
    loaded: list[LoadedSpec] = []
    problems: list[Problem] = []
    for path in specs_in(specs):
        try:
            loaded.append(load(path, overrides, known))
        except InputError as error:
            if not error.problems:
                raise
            problems += error.problems
    if problems:
        raise InputError(problems=problems)
    found = [build for one in loaded for build in builds(one)]
    return select(select(found, only), [f"*/*/{target}" for target in targets])


def chosen(
    specs: tuple[Path, ...], assignments: tuple[str, ...], only: tuple[str, ...], targets: tuple[str, ...]
) -> list[Build] | None:
    """Return the builds of specs and of folders of specs; None, for all that is recorded, when none is named."""
    if specs:
        return chosen_builds(specs, assignments, only, targets)
    if assignments or only or targets:
        raise InputError("--set, --only and --target choose among builds of SPECs", "Name SPECs, or a folder of them.")
    return None


def surveyed(registry: Registry, builds: list[Build] | None, *, offline: bool, cve_data: str) -> Survey:
    """Find out which images of builds, or of all that is recorded, must be built anew."""
    from goldsmith.home import home
    from goldsmith.patching.survey import Options, survey

    return survey(registry, home(), builds, Options(offline, cve_data))


def _overrides(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for name, equals, value in pairs:
        if not (name and equals):
            raise InputError(f"--set {name}{equals}{value} gives no parameter a value", "Write --set NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def length_of_time(option: str, text: str) -> timedelta:
    """Return the length of time that an option says, written as in a spec."""
    from pydantic import TypeAdapter, ValidationError

    from goldsmith.spec.types import Duration

    try:
        return timedelta(seconds=TypeAdapter(Duration).validate_python(text))
    except (ValidationError, OverflowError) as error:
        raise InputError(f"{option} {text} is no length of time", "Write it like 90d, 12h or 2w.") from error


def use_lab() -> None:
    """Let everything that follows take the lab for AWS; the lab is started when it does not run."""
    from goldsmith.home import home
    from goldsmith.lab import running

    say("The lab takes the place of AWS.")
    os.environ.update(running(home() / "lab").environment)


def open_registry() -> Registry:
    from goldsmith.registry import Registry

    return Registry.open()


def say(message: str) -> None:
    click.echo(message, err=True)
