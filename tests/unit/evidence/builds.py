"""A build that the tests of evidence tell of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from goldsmith.result import Artifact, BuildResult, ControlResult, Library, Package, Software, Source, TestResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOFTWARE = Software(
    os={"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"},
    databases=("dpkg",),
    licenses={"deb bash": ("GPL-3+", "Expat")},
    libraries=(
        Library("pypi", "Flask", "3.1.0", "/opt/flask.dist-info/METADATA", ("BSD-3-Clause",), {"sha256": "a" * 64}),
        Library("golang", "github.com/a/b", "v1.0.0", "/usr/local/bin/tool", (), {"h1": "eA=="}),
    ),
)


def build(**changes: Any) -> BuildResult:
    whole = BuildResult(
        build="20261122T120000-0a0a0a0a",
        name="web",
        version="1.2",
        platform="debian-12",
        target="docker",
        status="built",
        started=NOON,
        finished=NOON.replace(second=6),
        source=Source(
            id="sha256:" + "b" * 64,
            reference="goldsmith/base:bookworm-0a1b",
            kind="debootstrap",
            details={"inrelease": {"http://archive.example/debian/dists/bookworm/InRelease": "c" * 64}},
        ),
        artifact=Artifact(type="docker", id="sha256:" + "d" * 64, size=100, tags=("web:1.2", "web:latest")),
        packages=(
            Package("deb", "bash", "5.2.15-2+b7", "amd64", "bash", "5.2.15-2"),
            Package("deb", "libc6", "2.36-9", "amd64", "glibc", "2.36-9"),
        ),
        software=SOFTWARE,
        tests=(TestResult("goss", "Port: tcp:80", "passed"), TestResult("goss", "File: /x", "failed")),
        compliance=(ControlResult("aslr", "compliant"), ControlResult("sshd_root", "changed")),
        patching={"mode": "security", "upgraded": [], "cves": {"fixed": ["CVE-2026-1"], "remaining": []}},
    )
    return replace(whole, **changes)


def ami() -> BuildResult:
    """The same build, of an AMI that was copied."""
    details: dict[str, Any] = {
        "snapshots": ["snap-2", "snap-1"],
        "images": {
            "eu-west-1": {"id": "ami-0a", "snapshots": ["snap-1", "snap-2"]},
            "eu-central-1": {"id": "ami-0b", "snapshots": ["snap-3"]},
        },
    }
    artifact = Artifact(
        type="ec2", id="ami-0a", region="eu-west-1", account="111122223333", tags=("web-1",), details=details
    )
    base = Source(id="ami-0base", reference="debian-12-amd64-*", details={"region": "eu-west-1"})
    return build(target="ec2", artifact=artifact, source=base)
