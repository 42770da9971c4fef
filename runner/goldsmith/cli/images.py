"""Commands that ask the registry, and those by which people say which versions are to be used."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from goldsmith.cli._common import json_option, length_of_time, open_registry
from goldsmith.errors import InputError

reason_option = click.option("--reason", default="", metavar="TEXT", help="Why; kept in the history.")
platform_option = click.option("--platform", metavar="NAME", help="Only this platform.")
target_option = click.option("--target", metavar="NAME", help="Only this target.")


@click.group(invoke_without_command=True)
@click.option("--name", metavar="GLOB", help="Only images whose name matches, such as 'web*'.")
@platform_option
@target_option
@click.option("--channel", metavar="NAME", help="Only images that have this channel.")
@click.option("--state", type=click.Choice(["building", "built", "failed", "revoked"]), help="Only of this state.")
@json_option
@click.pass_context
def images(ctx: click.Context, /, machine: bool, **wanted: str | None) -> None:
    """List the images that are recorded."""
    from goldsmith.registry.choose import chosen
    from goldsmith.show.records import images_table

    if ctx.invoked_subcommand is None:
        with open_registry() as registry:
            found = chosen(registry.images(), **wanted)
        _print(found, images_table(found, filtered=any(wanted.values())), machine)


@images.command("show")
@click.argument("reference", metavar="NAME[@VERSION|:CHANNEL]")
@json_option
def images_show(reference: str, machine: bool) -> None:
    """Show an image with its versions, or one version of it."""
    from goldsmith.show.records import image_text
    from goldsmith.show.text import document

    with open_registry() as registry:
        found = registry.image(reference)
        builds = [build.id for version in found.versions for build in version.builds]
        evidence = {build: registry.evidence(build) for build in builds}
    _print({**document(found), "evidence": evidence}, image_text(found, evidence), machine)


@images.command("log")
@click.argument("reference", metavar="NAME[@VERSION|:CHANNEL]")
@json_option
def images_log(reference: str, machine: bool) -> None:
    """Show what became of an image: builds, promotions, revocations, the newest first."""
    from goldsmith.registry.log import entries
    from goldsmith.show.records import log_table

    with open_registry() as registry:
        image = registry.image(reference)
        found = entries(image, registry.history(image.name), registry.revocation_history(image.name))
    _print(found, log_table(found), machine)


@images.command("diff")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@platform_option
@target_option
@json_option
def images_diff(before: str, after: str, platform: str | None, target: str | None, machine: bool) -> None:
    """Show what changed between two versions: packages, CVEs, configuration, compliance, tests, size.

    Each is NAME@VERSION or NAME:CHANNEL, or NAME for the newest.
    """
    from goldsmith.registry.choose import pairs
    from goldsmith.registry.diff import difference
    from goldsmith.show.records import difference_text

    with open_registry() as registry:
        one, other = registry.resolve(before), registry.resolve(after)
        found = [
            difference(registry.contents(old), registry.contents(new))
            for old, new in pairs(one, other, platform=platform, target=target)
        ]
    _print(found, difference_text(str(one.version), str(other.version), found), machine)


@images.command("ancestry")
@click.argument("reference", metavar="NAME[@VERSION|:CHANNEL]")
@json_option
def images_ancestry(reference: str, machine: bool) -> None:
    """Show what an image was built on, and what was built on it, as a tree."""
    from goldsmith.show.records import ancestry_text

    with open_registry() as registry:
        found = registry.ancestry(reference)
    _print(found, ancestry_text(found) or "No artifact of it is recorded.", machine)


@images.command("promote")
@click.argument("reference", metavar="NAME@VERSION")
@click.argument("channel")
@click.option("--demote", is_flag=True, help="Let the channel point at nothing; NAME alone will do.")
@reason_option
@json_option
def images_promote(reference: str, channel: str, demote: bool, reason: str, machine: bool) -> None:
    """Let CHANNEL, such as production, point at a version."""
    from goldsmith.show.records import demoted_text, promoted_text

    with open_registry() as registry:
        change = registry.demote if demote else registry.promote
        before = change(reference, channel, reason=reason)
        after = None if demote else registry.resolve(reference).version
    name = f"{reference.partition('@')[0].partition(':')[0]}:{channel}"
    told = demoted_text(name, before) if after is None else promoted_text(name, after, before)
    _print({"channel": name, "before": before, "after": after}, told, machine)


@images.command("resolve")
@click.argument("reference", metavar="NAME[@VERSION|:CHANNEL]")
@platform_option
@target_option
@click.option("--region", metavar="NAME", help="Region of the AMI; by default the one it was built in.")
@json_option
def images_resolve(reference: str, platform: str | None, target: str | None, region: str | None, machine: bool) -> None:
    """Print the AMI id, or the Docker image's digest, and nothing else."""
    from goldsmith.registry.address import address

    with open_registry() as registry:
        found = registry.artifact(reference, platform, target)
    if found is None:
        what = " and ".join(filter(None, [platform and f"platform {platform}", target and f"target {target}"]))
        raise InputError(
            f"there is no artifact of {reference}" + (f" for {what}" if what else ""),
            f"goldsmith images show {reference} tells what there is.",
        )
    where = address(found, region)
    _print({"address": where, "artifact": found}, where, machine)


@images.command("revoke")
@click.argument("reference", metavar="NAME@VERSION")
@click.option("--reason", required=True, metavar="TEXT", help="Why; told to everybody who wants it.")
@click.option("--at", metavar="TIME", help="From when on, such as 2027-01-31 or 2027-01-31T12:00Z; by default now.")
@click.option("--descendants", is_flag=True, help="Also everything that was and will be built on it.")
@click.option(
    "--amis", type=click.Choice(["deprecate", "disable"]), help="Also hide its AMIs, or bar them from launch."
)
@json_option
def images_revoke(
    reference: str, reason: str, at: str | None, amis: str | None, *, descendants: bool, machine: bool
) -> None:
    """Let nothing be built on a version any more, and say what it reaches."""
    from goldsmith.artifacts import retire_amis
    from goldsmith.home import home
    from goldsmith.show.records import revoked_text

    if amis and at:
        raise InputError("--amis is done at once, and --at is for later", f"Run it with --amis {amis} when it is time.")
    with open_registry() as registry:
        report = registry.revoke(reference, reason=reason, at=_moment(at) if at else None, descendants=descendants)
    retired = retire_amis(report.artifacts, home(), amis) if amis else []
    told = "\n".join([revoked_text(report), *(f"  {line}" for line in retired)])
    _print({"revoked": report, "amis": retired}, told, machine)


@images.command("restore")
@click.argument("reference", metavar="NAME@VERSION")
@reason_option
@json_option
def images_restore(reference: str, reason: str, machine: bool) -> None:
    """End the revocation of a version."""
    with open_registry() as registry:
        ended = registry.restore(reference, reason=reason)
    _print(ended, f"{ended.version} is not revoked any more.", machine)


@images.command("prune")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, help="How many stay at least.")
@click.option("--older-than", metavar="TIME", help="Only what is at least this old, such as 90d.")
@click.option("--check", is_flag=True, help="Only list.")
@json_option
def images_prune(names: tuple[str, ...], keep: int, older_than: str | None, check: bool, machine: bool) -> None:
    """Remove images that newer ones have replaced: of Docker engines, AMIs with their snapshots in all regions.

    Counted is for each platform and target. What a channel points at stays, and what an image that stays was built on.
    What was pushed to a registry stays there. The record is kept.
    """
    from goldsmith.artifacts import prune
    from goldsmith.home import home
    from goldsmith.show.records import pruned_text

    age = length_of_time("--older-than", older_than) if older_than else None
    with open_registry() as registry:
        verdicts, removals = prune(registry, home(), names, keep=keep, older_than=age, check=check)
    _print({"verdicts": verdicts, "removals": removals}, pruned_text(verdicts, removals), machine)
    if any(one.state == "failed" for one in removals):
        click.get_current_context().exit(1)


@images.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--mark", is_flag=True, help="Record what is missing as deleted.")
@json_option
def images_verify(names: tuple[str, ...], mark: bool, machine: bool) -> None:
    """See whether what is recorded is still there, and still the same. Exits with 1 when something is missing."""
    from goldsmith.artifacts import verify
    from goldsmith.home import home
    from goldsmith.show.records import verified_text

    with open_registry() as registry:
        found = verify(registry, home(), names, mark=mark)
    _print(found, verified_text(found, marked=mark), machine)
    if any(one.state == "missing" for one in found):
        click.get_current_context().exit(1)


def _print(found: Any, told: str, machine: bool) -> None:
    from goldsmith.show.text import document

    click.echo(json.dumps(document(found), indent=2) if machine else told)


def _moment(text: str) -> datetime:
    """Return a point in time; without a zone it is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise InputError(f"--at {text} is no time", "Write it like 2027-01-31, or 2027-01-31T12:00+01:00.") from error
