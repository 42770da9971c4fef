"""The command ``goldsmith``: parses and prints, decides nothing.

Exit codes: 0 done; 1 a build failed; 2 the user's input is wrong; 3 the environment is (no engine, no credentials);
130 ended by Ctrl-C. What a command needs is imported inside it, so that ``goldsmith --help`` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from goldsmith import __version__
from goldsmith.errors import GoldsmithError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from goldsmith.build import Done
    from goldsmith.progress import Reporter
    from goldsmith.registry import Registry
    from goldsmith.spec import Build, LoadedSpec

_SPEC = click.Path(path_type=Path)
_specs = click.argument("specs", nargs=-1, required=True, type=_SPEC, metavar="SPEC...")
_set = click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="Give a parameter another value.")
_only = click.option(
    "--only", multiple=True, metavar="GLOB", help="Only builds whose label matches, such as '*/docker'."
)
_target = click.option("--target", "targets", multiple=True, metavar="NAME", help="Only builds of this target.")
_json = click.option("--json", "machine", is_flag=True, help="Print JSON, for programs.")


class _Group(click.Group):
    """Shows Goldsmith's own exceptions as messages, with their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GoldsmithError as error:
            heading = click.style("error:", fg="red", bold=True)
            problems = error.problems if isinstance(error, InputError) else ()
            for problem in problems or [str(error).replace("\n", "\n  ")]:
                click.echo(f"{heading} {problem}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="goldsmith")
def main() -> None:
    """Golden images from one short spec, built by plain Ansible: hardened, patched, validated and recorded."""


@main.command()
@click.argument("path", type=_SPEC, default=Path("image.yml"))
def init(path: Path) -> None:
    """Write a small spec that builds as it stands, to PATH."""
    from goldsmith.init import write_spec

    written = write_spec(path)
    click.echo(f"{written} is written. Build it: goldsmith build {written}")


@main.command()
@_specs
@_set
def validate(specs: tuple[Path, ...], assignments: tuple[str, ...]) -> None:
    """Check SPECs, and name all that is wrong with them."""
    from goldsmith.build import plans

    builds = _builds(specs, assignments)
    with _registry() as registry:
        labels = [plan.build.label for plan in plans(builds, registry, require_parents=False)]
    for label in labels:
        click.echo(f"{label}: valid")


@main.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from goldsmith.spec import json_schema
    from goldsmith.targets import installed

    click.echo(json.dumps(json_schema(installed()), indent=2))


@main.command()
@_specs
@_set
@_only
@_target
@_json
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

    builds = _builds(specs, assignments, only, targets)
    with _registry() as registry:
        found = plans(builds, registry, require_parents=False)
    if machine:
        click.echo(json.dumps([plan_document(one) for one in found], indent=2))
    else:
        click.echo("\n\n".join(plan_text(one) for one in found))


@main.command()
@click.argument("specs", nargs=-1, type=_SPEC, metavar="SPEC...")
@_set
@_only
@_target
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
@click.option("--resume", metavar="BUILD", help="Publish the image of BUILD, whose publication failed or was cut off.")
@_json
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
    resume: str | None,
    machine: bool,
) -> None:
    """Build the images of SPECs and record them."""
    from goldsmith.build import BuildRun, Options
    from goldsmith.home import home
    from goldsmith.interrupt import interruptible
    from goldsmith.progress import reporter
    from goldsmith.show import done_document, done_text

    if bool(specs) == bool(resume):
        raise InputError("name SPECs to build, or a build by --resume", "goldsmith build --help tells more.")
    builds = _builds(specs, assignments, only, targets)
    if debug and not sys.stdin.isatty():
        raise InputError("--debug pauses until you press Return, and there is no terminal")
    if debug and jobs > 1:
        raise InputError("--debug pauses one build at a time", "Leave out --jobs.")
    options = Options(jobs=jobs, on_error=on_error, debug=debug, verbosity=max(verbosity - 1, 0))
    if lab:
        _use_lab()
    with (
        _registry() as registry,
        interruptible(_say) as cancelled,
        reporter(machine=machine, verbose=verbosity > 0) as shown,
    ):
        if resume:
            done = [_resumed(resume, registry, shown, cancelled.is_set)]
        else:
            done = BuildRun(home(), registry, shown, options, cancelled.is_set).run(builds)
    for one in done:
        click.echo(json.dumps(done_document(one)) if machine else "\n" + done_text(one))
    if cancelled.is_set():
        sys.exit(130)
    sys.exit(max(one.exit_code for one in done))


@main.command()
@click.argument("spec", type=_SPEC)
@click.argument("directory", type=_SPEC)
@_set
@_only
@_target
def export(
    *, spec: Path, directory: Path, assignments: tuple[str, ...], only: tuple[str, ...], targets: tuple[str, ...]
) -> None:
    """Write the Ansible project that builds SPEC to DIRECTORY; ansible-playbook runs it by itself."""
    from goldsmith.build import export_projects, plans
    from goldsmith.project import PLAYBOOK

    builds = _builds((spec,), assignments, only, targets)
    with _registry() as registry:
        places = export_projects(plans(builds, registry), directory)
    for place in places:
        click.echo(f"cd {place} && ansible-playbook {PLAYBOOK}")


@main.group(invoke_without_command=True)
@_json
@click.pass_context
def images(ctx: click.Context, machine: bool) -> None:
    """List the images that are recorded."""
    from goldsmith.show import document, images_table

    if ctx.invoked_subcommand is None:
        with _registry() as registry:
            found = registry.images()
        click.echo(json.dumps(document(found), indent=2) if machine else images_table(found))


@images.command("show")
@click.argument("name")
@_json
def images_show(name: str, machine: bool) -> None:
    """Show the image NAME, or one version of it: NAME@VERSION."""
    from goldsmith.show import document, image_text

    with _registry() as registry:
        found = registry.image(name)
    click.echo(json.dumps(document(found), indent=2) if machine else image_text(found))


@main.command()
@click.argument("builds", nargs=-1)
@click.option("--check", is_flag=True, help="Only list.")
@_json
def sweep(builds: tuple[str, ...], check: bool, machine: bool) -> None:
    """Remove what is left behind: of BUILDS, of builds whose runner was killed, and all that is past its expiry."""
    from goldsmith.home import home
    from goldsmith.show import sweep_text
    from goldsmith.sweep import sweep_lost

    with _registry() as registry:
        chosen = [registry.find_build(prefix).id for prefix in builds]
        report = sweep_lost(home(), registry, chosen, check=check)
    click.echo(json.dumps(report, indent=2) if machine else sweep_text(report, check=check))
    sys.exit(1 if report["failed"] or report["unsearched"] else 0)


@main.command()
@click.argument("build")
def shell(build: str) -> None:
    """Enter the machine of BUILD: its id, the beginning of it, or a label such as web/debian-12/docker."""
    from goldsmith.shell import enter

    with _registry() as registry:
        record = registry.find_build(build)
    enter(record)


@main.group()
def lab() -> None:
    """EC2 on this machine, for trying and testing: no AWS account is needed, and nothing costs money."""


@lab.command("up")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port to answer at; by default any.")
def lab_up(port: int | None) -> None:
    """Start the lab, unless it runs."""
    from goldsmith.home import home, is_held
    from goldsmith.lab import running

    if not is_held(home() / "lab"):
        _say("Starting the lab; the first time its Debian is made, which takes a minute.")
    found = running(home() / "lab", port or 0)
    click.echo(f'The lab answers at {found.endpoint}; point any AWS client at it: eval "$(goldsmith lab env)"')


@lab.command("status")
@_json
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


def _builds(
    specs: tuple[Path, ...], assignments: tuple[str, ...], only: tuple[str, ...] = (), targets: tuple[str, ...] = ()
) -> list[Build]:
    """Read specs and return their builds; what is wrong in any of them is told together."""
    from goldsmith.spec import builds, load, select
    from goldsmith.targets import installed

    known, overrides = installed(), _overrides(assignments)
    loaded: list[LoadedSpec] = []
    problems: list[Problem] = []
    for path in specs:
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


def _overrides(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for name, equals, value in pairs:
        if not (name and equals):
            raise InputError(f"--set {name}{equals}{value} gives no parameter a value", "Write --set NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def _resumed(name: str, registry: Registry, shown: Reporter, cancelled: Callable[[], bool]) -> Done:
    """Finish a build, where its things were made."""
    from goldsmith.home import build_directory, home
    from goldsmith.places import noted
    from goldsmith.resume import resumable, resume

    record = registry.find_build(name)
    for place in noted([build_directory(home(), record.id)]):
        os.environ.update(place.environment())
    return resume(resumable(record, home()), home(), registry, shown, cancelled)


def _use_lab() -> None:
    """Let everything that follows take the lab for AWS; the lab is started when it does not run."""
    from goldsmith.home import home
    from goldsmith.lab import running

    _say("The lab takes the place of AWS.")
    os.environ.update(running(home() / "lab").environment)


def _registry() -> Registry:
    from goldsmith.registry import Registry

    return Registry.open()


def _say(message: str) -> None:
    click.echo(message, err=True)
