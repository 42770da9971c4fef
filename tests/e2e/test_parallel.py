"""Builds side by side."""

from __future__ import annotations

import docker
import pytest

from .conftest import Cli, SpecWriter, leftovers

pytestmark = [pytest.mark.docker, pytest.mark.network]

# APT's lock is waited for by nobody: each build has a cache of its own.
INSTALL = """
- ansible.builtin.apt: {name: less, update_cache: true, install_recommends: false}
  register: installed
- ansible.builtin.debug: {msg: "{{ installed.stdout }}"}
- ansible.builtin.copy: {content: "{{ greeting }}", dest: /opt/greeting}
"""


def test_four_builds_end_right_share_their_downloads_and_leave_none_in_the_image(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    spec = write_spec(INSTALL, parameters={"greeting": "one"})
    specs = [spec]
    for name in ("two", "three", "four"):
        specs.append(spec.with_name(f"{name}.yml"))
        specs[-1].write_text(spec.read_text().replace('"one"', f'"{name}"').replace(goldsmith.name, f"{goldsmith.name}-{name}"))

    results = goldsmith.builds(*specs, "--force", "--jobs", 4)

    assert [result["status"] for result in results] == ["built"] * 4
    for result, greeting in zip(results, ("one", "two", "three", "four"), strict=True):
        image = result["artifact"]["id"]
        script = "cat /opt/greeting; command -v less; ls -A /dev/shm /var/cache/apt/archives/*.deb"
        assert docker_client.containers.run(image, ["sh", "-c", script], remove=True) == b"x"
    later = goldsmith.build(spec)
    assert "Setting up less" in goldsmith.log(later["build"])
    assert "Fetched" not in goldsmith.log(later["build"])
    assert leftovers(docker_client, goldsmith.name) == []
