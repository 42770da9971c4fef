"""Builds side by side."""

from __future__ import annotations

import docker
import pytest

from .conftest import Cli, SpecWriter, leftovers

pytestmark = [pytest.mark.docker, pytest.mark.network]

PLATFORMS = ("one", "two", "three", "four")
INSTALL = """
- ansible.builtin.apt: {name: less, update_cache: true, install_recommends: false}
  register: installed
- ansible.builtin.debug: {msg: "{{ installed.stdout }}"}
- ansible.builtin.copy: {content: "{{ goldsmith_platform }}", dest: /opt/platform}
"""


def test_four_builds_end_right_share_their_downloads_and_leave_none_in_the_image(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient, python_image: str
) -> None:
    source = {"docker": {"image": python_image, "pull": "never"}}
    spec = write_spec(
        INSTALL,
        platforms=dict.fromkeys(PLATFORMS, source),
        targets={"docker": {"tags": ["{{ platform }}-{{ version }}"]}},
    )

    results = goldsmith.builds(spec, "--force", "--jobs", 4)

    assert {result["platform"]: result["status"] for result in results} == dict.fromkeys(PLATFORMS, "built")
    for result in results:
        script = "cat /opt/platform; command -v less; find /var/cache /opt -name '*.deb'"
        output = docker_client.containers.run(result["artifact"]["id"], ["sh", "-c", script], remove=True)
        assert output.decode() == f"{result['platform']}/usr/bin/less\n"
    [later] = goldsmith.builds(spec, "--force", "--only", "*/one/*")
    assert "Setting up less" in goldsmith.log(later["build"])
    assert "Fetched" not in goldsmith.log(later["build"])
    assert leftovers(docker_client, goldsmith.name) == []
