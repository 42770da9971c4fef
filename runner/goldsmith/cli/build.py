"""The command that builds."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from goldsmith.cli._common import (
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
    surveyed,
    target_option,
    use_lab,
)
from goldsmith.errors import EnvironmentFault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from goldsmith.build import Done
    from goldsmith.patching.survey import Survey
    from goldsmith.patching.verdict import Verdict
    from goldsmith.progress import Reporter
    from goldsmith.registry import ArtifactRecord, Registry


@click.command()
@paths_argument
@set_option
@only_option
@target_option
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Builds side by side.")
@click.option(
    "--on-error",
    type=click.Choice(["cleanup", "keep", "ask"]),
    default="cleanup",
    show_default=True,
    help="What becomes of the machine of a build that failed.",
)
@click.option("--debug", is_flag=True, help="Pause between phases and layers; Return goes on.")
@click.option("-v", "verbosity", count=True, help="Show Ansible's own output; more of it with -vv, -vvv.")
@click.option("--lab", is_flag=True, help="Build AMIs in the lab on this machine; no AWS account is needed.")
@click.option(
    "--outdated",
    is_flag=True,
    help="Build only images that must be built anew; without SPECs, of all that is recorded.",
)
@offline_option
@cve_data_option
@click.option("--force", is_flag=True, help="Build also what is up to date.")
@click.option("--no-cache", is_flag=True, help="Build, and take no layer from the layer cache.")
@click.option(
    "--no-cache-from", metavar="LAYER", default="", help="Build, and take none from LAYER on: a name or number."
)
@click.option("--resume", metavar="BUILD", help="Publish the image of BUILD, whose publication failed or was cut off.")
@json_option
def build(
    *,
    specs: tuple[Path, ...],
    assignments: tuple[str, ...],
    only: tuple[str, ...],
    targets: tuple[str, ...],
    jobs: int,
    on_error: Any,
    debug: bool,
    verbosity: int,
    lab: bool,
    outdated: bool,
    offline: bool,
    cve_data: str,
    force: bool,
    no_cache: bool,
    no_cache_from: str,
    resume: str | None,
    machine: bool,
) -> None:
    """Build the images of SPECs, and of all specs in FOLDERs, and record them.

    An image of which nothing has changed is not built again.
    """
    from goldsmith.build import BuildRun, Options
    from goldsmith.home import home
    from goldsmith.interrupt import interruptible
    from goldsmith.patching.cves import NONE
    from goldsmith.progress import reporter
    from goldsmith.show.builds import current_document, current_text, done_document, done_text

    if (bool(specs) or outdated) == bool(resume):
        raise InputError("name SPECs to build, or a build by --resume", "goldsmith build --help tells more.")
    builds = chosen(specs, assignments, only, targets) if outdated else chosen_builds(specs, assignments, only, targets)
    if debug and not sys.stdin.isatty():
        raise InputError("--debug pauses until you press Return, and there is no terminal")
    if debug and jobs > 1:
        raise InputError("--debug pauses one build at a time", "Leave out --jobs.")
    _tell_of_mitogen()
    options = Options(
        jobs=jobs,
        on_error=on_error,
        debug=debug,
        verbosity=max(verbosity - 1, 0),
        cache=not no_cache,
        uncached_from=no_cache_from,
    )
    if lab:
        use_lab()
    with (
        open_registry() as registry,
        interruptible(say) as cancelled,
        reporter(machine=machine, verbose=verbosity > 0) as shown,
    ):
        unknown: list[str] = []
        current: dict[str, ArtifactRecord] = {}
        if outdated or not (force or no_cache or no_cache_from or resume):
            survey = surveyed(registry, builds, offline=offline, cve_data=cve_data if outdated else NONE)
            needed, current, unknown = _needed(survey, registry, outdated=outdated)
            builds = [verdict.build for verdict in needed if verdict.build]
            options = replace(options, indexes={verdict.label: verdict.indexes for verdict in needed})
        if resume:
            done = [_resumed(resume, registry, shown, cancelled.is_set)]
        elif builds:
            done = BuildRun(home(), registry, shown, options, cancelled.is_set).run(builds)
        else:
            done = []
    for label, artifact in current.items():
        click.echo(json.dumps(current_document(label, artifact)) if machine else current_text(label, artifact))
    for one in done:
        click.echo(json.dumps(done_document(one)) if machine else "\n" + done_text(one))
    if cancelled.is_set():
        sys.exit(130)
    if unknown:
        raise EnvironmentFault("not every image could be judged:\n" + "\n".join(unknown))
    sys.exit(max((one.exit_code for one in done), default=0))


def _needed(
    survey: Survey, registry: Registry, *, outdated: bool
) -> tuple[Sequence[Verdict], dict[str, ArtifactRecord], list[str]]:
    """Return which builds are to be done, which artifacts are good as they are, and what could not be judged."""
    from goldsmith.current import up_to_date
    from goldsmith.show.patching import outdated_lines

    if outdated:
        for line in (*survey.notes, *outdated_lines(survey)):
            say(line)
        return survey.stale, {}, survey.faults
    current = up_to_date(survey.verdicts, registry)
    return [verdict for verdict in survey.verdicts if verdict.label not in current], current, []


def _tell_of_mitogen() -> None:
    """Tell a user who has installed mitogen why it is not used."""
    from goldsmith import fast

    if told := fast.note():
        say(told)


def _resumed(name: str, registry: Registry, shown: Reporter, cancelled: Callable[[], bool]) -> Done:
    """Finish a build, where its things were made."""
    from goldsmith.home import build_directory, home
    from goldsmith.places import noted
    from goldsmith.resume import resumable, resume

    record = registry.find_build(name)
    for place in noted([build_directory(home(), record.id)]):
        os.environ.update(place.environment())
    return resume(resumable(record, home()), home(), registry, shown, cancelled)
