"""Commands for signed evidence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from goldsmith.cli._common import json_option, open_registry


@click.group()
def attest() -> None:
    """Sign and verify where images came from. A build signs its provenance when GOLDSMITH_SIGNING_KEY names a key."""


@attest.command("key")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def attest_key(path: Path, machine: bool) -> None:
    """Make a pair of keys: the private one at PATH, the public one beside it.

    The private one is encrypted when GOLDSMITH_SIGNING_PASSPHRASE is set.
    """
    from goldsmith.evidence.signing import make_key

    made = make_key(path)
    public = f"{path}.pub"
    if machine:
        click.echo(json.dumps({"key": str(path), "public": public, "id": made}, indent=2))
    else:
        click.echo(f"{path} signs: export GOLDSMITH_SIGNING_KEY={path}\n{public} verifies; its id is {made}")


@attest.command("verify")
@click.argument("name", metavar="BUILD|FILE")
@click.option(
    "--key", required=True, type=click.Path(path_type=Path), metavar="PUB", help="Public key of who is to have signed."
)
@json_option
def attest_verify(name: str, key: Path, machine: bool) -> None:
    """Verify the signed provenance of BUILD, or in FILE, and that the image and the files that it names are unaltered.

    BUILD is a build's id, the beginning of it, or a label such as web/debian-12/docker. The exit code is 1 when
    anything is not as it was signed.
    """
    from goldsmith.evidence.signing import public_key
    from goldsmith.evidence.verify import envelope_of, verify
    from goldsmith.show.evidence import verified_document, verified_text

    with open_registry() as registry:
        envelope, build = envelope_of(name, registry)
        verified = verify(envelope, public_key(key), registry, build)
    click.echo(json.dumps(verified_document(verified), indent=2) if machine else verified_text(verified))
    sys.exit(0 if verified.good else 1)
