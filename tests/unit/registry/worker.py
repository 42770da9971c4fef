"""A process of its own that records builds: ``worker.py URL IMAGE COUNT NAME``.

It says ``ready``, begins when a line comes in, and prints the id of each build whose end it has recorded.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult, Package


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(url: str, image: str, count: str, name: str) -> None:
    _say("ready")
    sys.stdin.readline()
    with Registry.open(url) as registry:
        for number in range(int(count)):
            version = registry.new_version(image, "f")
            build = f"{name}-{number}"
            registry.start_build(version, build, platform="debian-12", target="docker", spec="web.yml")
            now = datetime.now(UTC)
            result = BuildResult(
                build=build,
                name=image,
                version=version.label,
                platform="debian-12",
                target="docker",
                status="built",
                started=now,
                finished=now,
                artifact=Artifact(type="docker", id=f"sha256:{build}"),
                packages=tuple(Package("deb", f"p{index}", str(number)) for index in range(50)),
            )
            registry.finish_build(build, result)
            _say(build)


main(*sys.argv[1:])
