"""`docker_packages` on real containers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]

APK = """C:Q1abc=
P:musl
V:1.2.5-r0
A:x86_64
o:musl
F:lib
R:ld-musl-x86_64.so.1

C:Q1def=
P:musl-utils
V:1.2.5-r0
A:x86_64
o:musl
"""
DISTROLESS = """Package: libssl3
Source: openssl
Version: 3.0.15-1~deb12u1
Architecture: amd64
Description: Secure Sockets Layer toolkit
 Version: is what it is about.
"""


LIBRARIES = {
    "opt/app/flask-3.1.0.dist-info/METADATA": "Name: flask\nVersion: 3.1.0\nLicense-Expression: BSD-3-Clause\n",
    "srv/a b/node_modules/@x/y/package.json": '{"name": "@x/y", "version": "1.0.0", "license": "MIT"}',
    "srv/a b/node_modules/@x/y/test/package.json": '{"name": "fixture", "version": "1.0.0"}',
    "tmp/z.dist-info/METADATA": "Name: z\nVersion: 1\n",
}
GO = b"\x7fELF" + bytes(1100 << 10) + (b"\xff Go buildinf:\x08\x02").ljust(32, b"\0") + b"\x08go1.22.1\0"


def put(container: Any, files: dict[str, str | bytes]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    assert container.put_archive("/", buffer.getvalue())


@pytest.fixture
def empty(start_container: Callable[..., Any], docker_client: docker.DockerClient, unique: str) -> Any:
    """A container with nothing in it, which cannot even run."""
    docker_client.api.import_image_from_data(b"\0" * 1024, repository=unique, tag="1")
    image = docker_client.images.get(f"{unique}:1")
    container = docker_client.containers.create(image.id, ["/nothing"])
    yield container
    container.remove()
    docker_client.images.remove(image.id, force=True)


def test_packages_are_those_that_dpkg_lists(run_module: RunModule, start_container: Callable[..., Any]) -> None:
    container = start_container()
    form = "${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n"
    listed = container.exec_run(["dpkg-query", "-W", "-f", form])[1].decode().splitlines()

    result = run_module("docker_packages", container=container.id)

    assert not result["changed"]
    keys = ("name", "version", "arch", "source", "source_version")
    assert [" ".join(package[key] for key in keys) for package in result["packages"]] == sorted(listed)
    assert {package["type"] for package in result["packages"]} == {"deb"}


def test_package_whose_configuration_alone_is_left_is_not_listed(
    run_module: RunModule, start_container: Callable[..., Any]
) -> None:
    container = start_container()
    status, output = container.exec_run(["dpkg", "--force-depends", "--force-remove-essential", "--remove", "debconf"])
    assert status == 0, output

    result = run_module("docker_packages", container=container.id)

    names = {package["name"] for package in result["packages"]}
    assert "debconf" not in names
    assert "dpkg" in names


def test_stopped_machine_without_a_shell_is_read_as_well(run_module: RunModule, empty: Any) -> None:
    put(empty, {"var/lib/dpkg/status.d/libssl3": DISTROLESS, "var/lib/dpkg/status.d/libssl3.md5sums": "0 x\n"})

    result = run_module("docker_packages", container=empty.id)

    assert result["packages"] == [
        {
            "name": "libssl3",
            "version": "3.0.15-1~deb12u1",
            "arch": "amd64",
            "source": "openssl",
            "source_version": "3.0.15-1~deb12u1",
            "type": "deb",
        }
    ]


def test_where_packages_are_fetched_from_is_read_as_well(run_module: RunModule, empty: Any) -> None:
    files = {"sources.list": "", "sources.list.d/a.list": "deb http://a.example/debian trixie main\n"}
    put(empty, {f"etc/apt/{name}": text for name, text in files.items()})

    result = run_module("docker_packages", container=empty.id)

    assert result["sources"] == [
        {"uri": "http://a.example/debian", "suite": "trixie", "components": ["main"], "check_valid_until": True}
    ]


def test_packages_of_alpine_are_read(run_module: RunModule, empty: Any) -> None:
    put(empty, {"lib/apk/db/installed": APK})

    result = run_module("docker_packages", container=empty.id)

    assert [(package["name"], package["source"], package["type"]) for package in result["packages"]] == [
        ("musl", "musl", "apk"),
        ("musl-utils", "musl", "apk"),
    ]


def test_machine_without_a_package_database_has_no_packages(run_module: RunModule, empty: Any) -> None:
    result = run_module("docker_packages", container=empty.id)

    assert result["packages"] == []
    assert result["software"] == {"os": {}, "databases": [], "licenses": {}, "libraries": []}


FOUND = [
    ("golang", "stdlib", "1.22.1", []),
    ("npm", "@x/y", "1.0.0", ["MIT"]),
    ("pypi", "flask", "3.1.0", ["BSD-3-Clause"]),
]


def test_libraries_and_licences_beside_the_packages_are_found(
    run_module: RunModule, start_container: Callable[..., Any]
) -> None:
    container = start_container()
    owned = "usr/lib/python3/dist-packages/owned.egg-info"
    put(
        container,
        LIBRARIES
        | {"usr/local/bin/tool": GO, owned: "Name: owned\nVersion: 1\n", "var/lib/dpkg/info/owned.list": f"/{owned}\n"}
        | {"usr/share/doc/dash/copyright": "Format: https://x/copyright-format/1.0/\nLicense: BSD-3-clause\n"},
    )

    software = run_module("docker_packages", container=container.id)["software"]

    found = [(one["type"], one["name"], one["version"], one["licenses"]) for one in software["libraries"]]
    assert found == FOUND
    assert software["licenses"]["deb dash"] == ["BSD-3-clause"]
    assert (software["os"]["ID"], software["os"]["VERSION_ID"], software["databases"]) == ("debian", "12", ["dpkg"])


def test_libraries_of_a_machine_without_tools_are_found_from_outside(run_module: RunModule, empty: Any) -> None:
    put(empty, LIBRARIES | {"bin/tool": GO, "etc/os-release": "ID=wolfi\n"})

    software = run_module("docker_packages", container=empty.id)["software"]

    found = [(one["type"], one["name"], one["version"], one["licenses"]) for one in software["libraries"]]
    assert found == FOUND
    assert software["os"] == {"ID": "wolfi"}


def test_machine_that_is_not_there_is_said_so(run_module: RunModule, unique: str) -> None:
    result = run_module("docker_packages", container=unique)

    assert result["failed"]
    assert unique in result["msg"]
