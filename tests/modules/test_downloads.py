"""What builders share of their downloads, with a real engine and an archive of the tests' own."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress

import docker
import pytest
from tests.roles.archive import Deb, Key, Server, publish, serve

from ansible_collections.goldsmith.images.plugins.module_utils import _builder, _downloads

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def archive(docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An archive with the package `tool`."""
    root = tmp_path_factory.mktemp("archive")
    key = Key(root / "key")
    (root / "www").mkdir()
    publish(root / "www", "bookworm", [Deb("tool", "1", files={"opt/tool": "good" * 999}).build(root)], key)
    (root / "www/key.gpg").write_bytes(key.public.read_bytes())
    bridge = docker_client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    with serve(bridge, root / "www") as server:
        yield server


class Machine:
    """A builder that has no other source of packages than the archive."""

    def __init__(self, client: docker.DockerClient, image: str, build: str, archive: Server) -> None:
        self.build, self._client, self._archive = build, client, archive
        wanted = _builder.Wanted(
            name=f"t-{build}",
            image=image,
            build_id=build,
            image_name="t",
            role="builder",
            expires_in=600,
            command=None,
            use_image_command=False,
            user=None,
            env={},
            tmpfs=[],
            bootstrap=True,
            machine={},
        )
        self.id = _builder.make(client, wanted)[0]["Id"]
        source = f"deb [signed-by=/etc/apt/keyrings/test.gpg] {archive.url} bookworm main"
        self.shell(
            "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /etc/apt/keyrings;"
            f'python3 -c \'import urllib.request as u; u.urlretrieve("{archive.url}/key.gpg", "/etc/apt/keyrings/test.gpg")\';'
            f"echo '{source}' > /etc/apt/sources.list"
        )

    def shell(self, script: str) -> str:
        status, output = self._client.containers.get(self.id).exec_run(["/bin/sh", "-ec", script])
        assert status == 0, output.decode()
        return str(output.decode()).strip()

    def downloads(self) -> bool:
        """Install the package, and tell whether the archive was asked for it."""
        self._archive.asked.clear()
        self.shell("apt-get -q update && apt-get -q -y install tool && dpkg --verify tool")
        return any(path.endswith(".deb") for path in self._archive.asked)

    def end(self) -> None:
        _builder.remove(self._client, None, self.build)


@pytest.fixture
def begin(
    docker_client: docker.DockerClient, python_image: str, unique: str, archive: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Machine]]:
    """Starts builders, each of a build of its own, that share nothing with others than the test's."""
    monkeypatch.setattr(_downloads, "ROLE", f"downloads-{unique}")
    monkeypatch.setattr(_downloads, "VOLUME", f"t-{unique}")
    begun: list[Machine] = []

    def start() -> Machine:
        begun.append(Machine(docker_client, python_image, f"{unique}-{len(begun)}", archive))
        return begun[-1]

    yield start
    for machine in begun:
        machine.end()
    assert all(_downloads.remove(docker_client, volume) for volume in _downloads.volumes(docker_client))


def overwrite(client: docker.DockerClient, image: str, path: str, content: bytes) -> None:
    """Overwrite what is shared, as no builder can."""
    helper = client.containers.create(image, ["-"], volumes=[f"{_downloads.volumes(client)[-1]}:/store"])
    with suppress(docker.errors.NotFound), io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        helper.put_archive("/store", archive.getvalue())
    helper.remove()


def test_what_one_build_has_downloaded_the_next_does_not_unless_somebody_tampered_with_it(
    begin: Callable[[], Machine], docker_client: docker.DockerClient, python_image: str
) -> None:
    first, beside = begin(), begin()
    assert first.downloads()
    first.end()

    assert not beside.downloads(), "started before, it finds what has been shared since"
    assert beside.shell("ls /var/cache/apt/archives") == "lock\npartial"
    assert not any(change["Path"].startswith("/dev") for change in docker_client.api.diff(beside.id))
    shared = beside.shell("readlink /dev/shm/goldsmith/archives/tool_1_all.deb")
    assert beside.shell(f"touch {shared} 2>&1 || echo refused").endswith("refused")

    bad = beside.shell(f"sed s/goodgood/badbad00/ {shared} | base64 -w0")
    overwrite(docker_client, python_image, shared.partition("/store/")[2], base64.b64decode(bad))
    last = begin()
    assert last.downloads()
    assert last.shell("grep -c bad /opt/tool || :") == "0"
    last.end()
    assert not begin().downloads(), "what it has downloaded is offered in place of what was no good"


def test_only_packages_are_shared_and_a_full_volume_is_followed_by_another(
    begin: Callable[[], Machine], docker_client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = begin()
    [old] = _downloads.volumes(docker_client)
    machine.shell("cd /dev/shm/goldsmith/found; echo x > new_1_all.deb; echo y > no-package; ln -s /etc/shadow l_1.deb")
    monkeypatch.setattr(_downloads, "MOST", -1)

    assert _downloads.share(docker_client, machine.id, machine.build) == 1
    new = _downloads.volumes(docker_client)[-1]
    assert _downloads.volumes(docker_client) == [old, new]
    assert not _downloads.remove(docker_client, old), "a builder has it"
    machine.end()

    assert begin().shell("cd /dev/shm/goldsmith/archives/partial && cat *") == "x"
    assert _downloads.volumes(docker_client) == [new]
