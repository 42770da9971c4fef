"""The image in the engine that holds the judges: OpenSCAP, the rules it judges by, and lynis, with all they need.

It is made once from Debian's packages, as the machine's own apt sources offer them, and never run: a container of it
carries the directory `/judges` as a volume, that the container to be judged has mounted read-only. Nothing in there is
set-user-id, and nothing uses the libraries of the system that is judged. To have it made anew, from newer packages,
remove it: `docker rmi $(docker images -q goldsmith/judges)`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._goss_binary import (
    INDEX_FORMAT,
    KEYRINGS,
    debian_mirrors,
)

PACKAGES = {"openscap-scanner": "bookworm", "lynis": "bookworm", "ssg-debian": "trixie"}
"""What is brought, and the release of Debian it is of: the rules of Debian 13's package know Debian 12 far better."""
CONTENT = "/judges/content/ssg-{id}{version}-ds.xml"
"""Where the rules for a system are, by its `ID` and `VERSION_ID` in os-release."""
TIMEOUT = 300
"""Seconds that one step of the download may take."""

OSCAP = """\
#!/bin/sh
# OpenSCAP with its own loader and libraries.
export OSCAP_SCHEMA_PATH=/judges/openscap/schemas OSCAP_CPE_PATH=/judges/openscap/cpe
exec /judges/lib/ld.so --library-path /judges/lib /judges/bin/oscap "$@"
"""
LYNIS = """\
#!/bin/sh
# lynis as Debian's package sets it up, but for the pauses of 5 s in which a person may read what it has not understood.
cd /judges/lynis && PATH=/judges/hurry:$PATH exec ./lynis "$@" --profile /judges/lynis/default.prf \\
  --plugindir /judges/lynis/plugins
"""
PROGRAMS = {"oscap": OSCAP, "run-lynis": LYNIS, "hurry/sleep": "#!/bin/sh\nexit 0\n"}
LAYOUT = {
    "usr/bin/oscap": "bin/oscap",
    "usr/share/openscap/cpe": "openscap/cpe",
    "usr/share/openscap/schemas": "openscap/schemas",
    "usr/share/lynis": "lynis",
    "usr/sbin/lynis": "lynis/lynis",
    "etc/lynis/default.prf": "lynis/default.prf",
    "etc/lynis/plugins": "lynis/plugins",
}
"""What is taken out of the packages besides libraries and rules, and what becomes of it below /judges."""


def bring() -> str:
    """Return the tag of the image that holds the judges; make it when the engine does not have it.

    Raises:
        Fault: this machine has no apt, or no mirror of Debian has the packages.
    """
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    tag = f"goldsmith/judges:{recipe}"
    with (Path(tempfile.gettempdir()) / f"{tag.replace('/', '-')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _run(["docker", "images", "--quiet", tag], Path()):
            return tag
        with tempfile.TemporaryDirectory(prefix="goldsmith-judges-") as work:
            _make(Path(work), tag)
    return tag


def _make(work: Path, tag: str) -> None:
    unpacked, root = work / "unpacked", work / "root"
    for package in _download(work):
        _run(["dpkg-deb", "--extract", package, unpacked], work)
    judges = root / "judges"
    for directory in ("bin", "lib", "content", "hurry", "openscap"):
        (judges / directory).mkdir(parents=True)
    for source, target in LAYOUT.items():
        (unpacked / source).rename(judges / target)
    for rules in unpacked.glob("usr/share/xml/scap/ssg/content/ssg-*-ds.xml"):
        rules.rename(judges / "content" / rules.name)
    # In one directory, under the names that programs ask for; what lies deeper is gconv's and other plug-ins.
    libraries = [path for place in ("lib/*", "usr/lib", "usr/lib/*") for path in unpacked.glob(f"{place}/*.so*")]
    for library in sorted(libraries, key=Path.is_symlink):
        flat = judges / "lib" / library.name
        if not library.is_symlink():
            library.rename(flat)
        elif not flat.exists():
            flat.symlink_to(library.readlink().name)
    loaders = sorted((judges / "lib").glob("ld-linux*.so.*"))
    if not loaders:
        msg = "Debian's package libc6 has no loader named ld-linux*: the judges know amd64 and arm64 only."
        raise Fault(msg)
    (judges / "lib/ld.so").symlink_to(loaders[0].name)
    for name, text in PROGRAMS.items():
        (judges / name).write_text(text)
        (judges / name).chmod(0o755)
    archive = work / "root.tar"
    _run(["tar", "--create", "--file", archive, "--owner=0", "--group=0", "--mode=u-s,g-s,go-w,a+rX", "judges"], root)
    _run(["docker", "import", archive, tag], work)


def _download(work: Path) -> list[Path]:
    """Return the packages and all they depend on, down to libc, of the first mirror that has them."""
    keyring = next((name for name in KEYRINGS if Path(name).is_file()), None)
    if not keyring:
        msg = "The judges come from Debian's packages, and debian-archive-keyring is not installed: install it."
        raise Fault(msg)
    mirrors = debian_mirrors(_run(["apt-get", "indextargets", "--format", INDEX_FORMAT, "Created-By: Packages"], work))
    reasons = []
    for number, mirror in enumerate(mirrors):
        try:
            return _download_from(mirror, keyring, work / str(number))
        except Fault as fault:
            reasons.append(str(fault))
    reason = "\n".join(reasons) or "apt's sources on this machine name none."
    msg = f"No mirror of Debian brings the judges ({', '.join(PACKAGES)}).\n{reason}"
    raise Fault(msg)


def _download_from(mirror: str, keyring: str, work: Path) -> list[Path]:
    for directory in ("lists/partial", "cache/archives/partial"):
        (work / directory).mkdir(parents=True)
    (work / "judges.sources").write_text(
        f"Types: deb\nURIs: {mirror}\nSuites: {' '.join(sorted(set(PACKAGES.values())))}\nComponents: main\n"
        f"Signed-By: {keyring}\n"
    )
    (work / "preferences").write_text(
        "Package: *\nPin: release n=bookworm\nPin-Priority: 600\n\n"
        + "\n".join(f"Package: {name}\nPin: release n={suite}\nPin-Priority: 900\n" for name, suite in PACKAGES.items())
    )
    # Proxies and the like are the machine's own; its hooks, lists and installed packages are not.
    kept = [line for line in _run(["apt-config", "dump"], work).splitlines() if line.startswith("Acquire::")]
    own = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": work / "judges.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": work / "preferences",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": work,
        "Dir::State::Lists": work / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
    }
    (work / "apt.conf").write_text("\n".join([*kept, *(f'{key} "{value}";' for key, value in own.items()), ""]))
    environment = {"APT_CONFIG": str(work / "apt.conf")}
    _run(["apt-get", "--quiet=2", "update", "--error-on=any"], work, environment)
    command = ["apt-get", "--quiet=2", "--yes", "--no-install-recommends", "--download-only", "install"]
    _run([*command, *PACKAGES], work, environment)
    return sorted((work / "cache/archives").glob("*.deb"))


def _run(command: Iterable[str | Path], directory: Path, environment: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        msg = (
            f"{words[0]} is not there: the judges are brought on a Debian with apt and Docker's command. `make setup`."
        )
        raise Fault(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{' '.join(words[:2])} did not end within {TIMEOUT} s."
        raise Fault(msg) from error
    if done.returncode:
        msg = f"{' '.join(words[:2])} failed: {done.stderr.strip()[-1000:]}"
        raise Fault(msg)
    return done.stdout
