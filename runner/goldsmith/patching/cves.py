"""What is known of vulnerabilities: Debian's data, from its address, a mirror's or a file, kept for an hour."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from ansible_collections.goldsmith.images.plugins.module_utils._debian_cves import Vulnerability
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from goldsmith.errors import EnvironmentFault
from goldsmith.patching._download import in_words

NONE = "none"
"""Instead of an address: do without."""

Vulnerabilities = Sequence[Vulnerability]
Known = Callable[[str], Vulnerabilities]
"""Returns what is known of a release."""

_MAX_AGE = 3600
_HINT = (
    "Name a mirror's address or a file by GOLDSMITH_CVE_DATA or --cve-data ({release} in it stands for the release), "
    f"or do without: --cve-data {NONE}"
)


def vulnerabilities(release: str, data: str, cache: Path, *, offline: bool) -> Vulnerabilities:
    """Return what is known of a release.

    Args:
        release: Codename, such as ``bookworm``.
        data: Address or path of debsecan's data or of the security tracker's JSON, compressed or not; ``{release}`` in
            it stands for the release. `NONE` gives nothing; empty means Debian's own.
        cache: Directory to keep what was read in.
        offline: Ask no server: what is kept will do, however old it is.

    Raises:
        EnvironmentFault: It cannot be had or read.
    """
    if data == NONE:
        return []
    # Much of Ansible comes with it, which most builds need not load.
    from ansible_collections.goldsmith.images.plugins.modules.package_cves import DEBSECAN, Store  # noqa: PLC0415

    place = (data or f"{DEBSECAN}{{release}}").replace("{release}", release)

    def fetch(address: str) -> bytes:
        if offline:
            raise _fault(address, "nothing is kept of it, and --offline forbids to ask")
        try:
            answer = requests.get(address, timeout=(5, 60))
        except requests.RequestException as error:
            raise _fault(address, in_words(error)) from error
        if answer.status_code != 200:
            raise _fault(address, f"it answers {answer.status_code} {answer.reason}")
        return answer.content

    try:
        return Store(cache, math.inf if offline else _MAX_AGE).vulnerabilities(place, release, fetch)
    except Fault as fault:
        raise EnvironmentFault(str(fault), _HINT) from fault
    except OSError as error:
        raise EnvironmentFault(
            f"{cache} cannot be written: {error}", "Name another place by GOLDSMITH_HOME."
        ) from error


def _fault(address: str, reason: str) -> EnvironmentFault:
    return EnvironmentFault(f"the vulnerabilities in {address} cannot be had: {reason}", _HINT)
