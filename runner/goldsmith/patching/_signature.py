"""Signatures of archives' indexes, checked by gpgv against the keys of distributions."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from goldsmith.errors import EnvironmentFault

_DISTRIBUTIONS = Path("/usr/share/keyrings")


def keyrings(root: Path) -> list[Path]:
    """Return the keyrings that indexes are checked against: those of distributions, and those the user put there.

    Args:
        root: Goldsmith's home; the user's lie in ``keyrings`` below it, as files ``.gpg``.
    """
    own = sorted((root / "keyrings").glob("*.gpg"))
    return [*sorted(_DISTRIBUTIONS.glob("*-archive-keyring.gpg")), *own]


def signed(content: bytes, url: str, rings: Sequence[Path], root: Path) -> str:
    """Return the text that an index's signature vouches for.

    One good signature will do, as for APT: archives sign with the keys of several releases, and not all need be known.

    Args:
        content: The index, with its signature (InRelease).
        url: Its address, for errors.
        rings: Keyrings.
        root: Goldsmith's home, for the hint.

    Raises:
        EnvironmentFault: It is not signed by a key that is known, was changed since it was signed, or nothing can be
            checked here.
    """
    hint = f"The key of an archive of your own: gpg --dearmor < KEY > {root / 'keyrings'}/NAME.gpg"
    if not rings:
        raise EnvironmentFault(
            f"{url} cannot be checked: there is no keyring here", f"apt-get install debian-archive-keyring. {hint}"
        )
    with tempfile.TemporaryDirectory(prefix="goldsmith-") as folder:
        index, text = Path(folder, "index"), Path(folder, "text")
        index.write_bytes(content)
        options = [word for ring in rings for word in ("--keyring", str(ring))]
        try:
            done = subprocess.run(
                ["gpgv", "--status-fd", "1", *options, "--output", str(text), str(index)],  # noqa: S607  the user's own gpgv
                capture_output=True,
                check=False,
                timeout=60,
            )
        except FileNotFoundError as error:
            raise EnvironmentFault(f"{url} cannot be checked without gpgv", "apt-get install gpgv") from error
        said = [line.split() for line in done.stdout.decode("utf-8", "replace").splitlines()]
        status = {words[1] for words in said if words[:1] == ["[GNUPG:]"] and len(words) > 1}
        if "GOODSIG" in status and "BADSIG" not in status and text.exists():
            return text.read_text("utf-8", "replace")
    if "BADSIG" in status:
        raise EnvironmentFault(f"{url} was changed after it was signed", "Do not trust the archive or the way to it.")
    if "EXPKEYSIG" in status:
        raise EnvironmentFault(f"{url} is signed by a key that has expired", "apt-get upgrade debian-archive-keyring")
    if "NO_PUBKEY" in status:
        raise EnvironmentFault(f"{url} is signed by a key that is not known here", hint)
    raise EnvironmentFault(
        f"{url} is not the signed index of an archive", "Is something in between, such as a login page?"
    )
