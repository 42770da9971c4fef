# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user asks for to what a base is to be made from, with the state of the archives now."""

from __future__ import annotations

import subprocess

from ansible_collections.goldsmith.images.plugins.module_utils import _mmdebstrap
from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import (
    ROLLING,
    Source,
    indexes,
    sources_from_host,
    sources_from_mirrors,
)
from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options, Recipe
from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def recipe(options: Options, epoch: str | None, timeout: float) -> tuple[Recipe, list[str]]:
    """Find out what the base is to be made from, and in which state the archives are now.

    Args:
        options: What the user asks for.
        epoch: ``SOURCE_DATE_EPOCH``; by default the time of the newest change of the archives.
        timeout: Seconds that an archive may take to answer.

    Returns:
        The recipe, and warnings.

    Raises:
        Fault: This system cannot make a base, or an archive does not answer.
    """
    version = f"{_mmdebstrap.version()} {_mmdebstrap.mode()}"
    if epoch and not epoch.isdigit():
        raise Fault(f"SOURCE_DATE_EPOCH is {epoch!r}: it must be a number of seconds since 1970. Unset or mend it.")
    if options.mirror is not None:
        sources = sources_from_mirrors(options.mirror, options.suite, options.components)
    else:
        sources = sources_from_host(options.suite, options.components) or _default_sources(options)
    there, found = indexes(sources, timeout)
    if not there:
        raise Fault("`mirror` is empty: give the URL of an archive, or leave it out to use this system's own.")
    warnings = []
    if options.suite not in ROLLING and not any("security" in source.line for source in there):
        warnings.append(
            f"No source of security updates for {options.suite} is among the mirrors; add the security archive's URL."
        )
    newest = max(int(index.date.timestamp()) for index in found)
    lines = tuple(source.line for source in there)
    architecture = options.architecture or _native_architecture()
    return Recipe(options, lines, tuple(found), architecture, version, int(epoch) if epoch else newest), warnings


def _native_architecture() -> str:
    command = ["dpkg", "--print-architecture"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Fault(f"dpkg cannot say this machine's architecture ({error}); name it by `architecture`.") from error
    return done.stdout.strip()


def _default_sources(options: Options) -> list[Source]:
    """Ask mmdebstrap which sources it would use by itself."""
    said = _mmdebstrap.default_sources(options)
    lines = [line for line in said.splitlines() if line.startswith("deb ")]
    if not lines:
        raise Fault(f"mmdebstrap knows no archive for {options.suite}; name one by `mirror`.\n{last_lines(said)}")
    return [Source(line) for line in lines]
