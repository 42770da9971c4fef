"""The command ``goldsmith``: parses and prints, decides nothing.

Exit codes: 0 done; 1 a build failed; 2 the user's input is wrong; 3 the environment is (no engine, no credentials);
4 there is something to do, where --exit-code asks for that; 130 ended by Ctrl-C. What a command needs is imported
inside it, so that ``goldsmith --help`` answers at once.
"""

from __future__ import annotations

from typing import Any

import click

from goldsmith import __version__
from goldsmith.cli import attest, build, cache, fleet, images, lab, machines, report, spec
from goldsmith.errors import GoldsmithError, InputError


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


for command in (
    spec.init,
    spec.validate,
    spec.schema,
    spec.plan,
    build.build,
    spec.export,
    images.images,
    cache.cache,
    report.report,
    fleet.fleet,
    attest.attest,
    machines.sweep,
    machines.shell,
    lab.lab,
):
    main.add_command(command)
