"""Whatever a layer is made from decides its key, and what cannot be told beforehand is never kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import Layer, key, root
from goldsmith import layers
from goldsmith.errors import InputError
from goldsmith.layers import CacheLayer, Tools, cache_layers
from goldsmith.plan import Plan, plan
from goldsmith.roles import SearchPath, find, nearest
from goldsmith.spec import builds, load

SPEC = """\
name: web
parameters: {port: 80, word: hello, unused: 1}
secrets: {db_password: {env: DB}}
platforms:
  debian-12:
    docker: {image: "debian:12"}
layers:
  - role: ./roles/nginx
    vars: {nginx_port: "{{ port }}"}
  - tasks: site.yml
targets: {docker: {}}
"""

FILES = {
    "web.yml": SPEC,
    "roles/nginx/tasks/main.yml": "- ansible.builtin.template: {src: site.j2, dest: /site}\n",
    "roles/nginx/templates/site.j2": "listen {{ nginx_port }}\n",
    "roles/nginx/meta/main.yml": "dependencies: [common]\n",
    "roles/common/tasks/main.yml": "- acme.things.thing: {}\n",
    "site.yml": "- ansible.builtin.copy: {content: '{{ word }}', dest: /word}\n",
    "group_vars/all.yml": "x: 1\n",
}


class Spec:
    """A spec in a folder, that is changed and looked at again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.collections = {"acme.things": "1.0.0", "goldsmith.images": "0.1.0"}
        self.ansible_core = "2.19.0"
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def replace(self, name: str, before: str, after: str) -> None:
        text = (self.directory / name).read_text()
        assert before in text
        self.write(name, text.replace(before, after))

    def plan(self, **said: str) -> Plan:
        build = builds(load(self.directory / "web.yml", said))[0]
        search = SearchPath.of(self.directory, environ={})
        return plan(build, "1", None, lambda name: find(name, search), lambda name: nearest(name, search))

    def layers(self, **said: str) -> list[CacheLayer]:
        search = SearchPath.of(self.directory, environ={})
        tools = Tools(self.ansible_core, lambda name: find(name, search), self.collections.get)
        return cache_layers(self.plan(**said), tools)

    def keys(self, base: str = "sha256:1", **said: str) -> list[str]:
        """The keys of the layers, lowest first."""
        found = [root(base, {})]
        for layer in self.layers(**said):
            found.append(key(found[-1], Layer(layer.number, layer.name, layer.ingredients)))
        return found[1:]

    def off(self) -> list[str]:
        return [layer.off for layer in self.layers()]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(tmp_path / "spec")


def chmod(spec: Spec) -> None:
    (spec.directory / "roles/nginx/templates/site.j2").chmod(0o640)


def newer_collection(spec: Spec) -> None:
    spec.collections["acme.things"] = "1.0.1"


def newer_ansible(spec: Spec) -> None:
    spec.ansible_core = "2.19.1"


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda spec: spec.replace("roles/nginx/templates/site.j2", "listen", "listens"), [1, 2]),
        (chmod, [1, 2]),
        (lambda spec: spec.write("roles/nginx/files/new", ""), [1, 2]),
        (lambda spec: spec.replace("roles/common/tasks/main.yml", "{}", "{a: 1}"), [1, 2]),
        (newer_collection, [1, 2]),
        (newer_ansible, [1, 2]),
        (lambda spec: spec.replace("group_vars/all.yml", "1", "2"), [1, 2]),
        (lambda spec: spec.replace("web.yml", '"{{ port }}"', "81"), [1, 2]),
        (lambda spec: spec.replace("site.yml", "/word", "/words"), [2]),
        (lambda spec: spec.write("files/a.txt", "a"), [2]),
        (lambda spec: spec.write("elsewhere.yml", "a: 1"), []),
    ],
    ids=[
        "template",
        "mode",
        "new file",
        "dependency",
        "collection",
        "ansible-core",
        "group_vars",
        "variable",
        "tasks",
        "file beside tasks",
        "another file",
    ],
)
def test_what_a_layer_is_made_from_changes_its_key_and_those_above(
    spec: Spec, change: Callable[[Spec], object], changed: list[int]
) -> None:
    before = spec.keys()
    assert spec.keys() == before, "the same each time"
    change(spec)
    now = spec.keys()
    assert [number for number in (1, 2) if before[number - 1] != now[number - 1]] == changed


def test_a_parameter_counts_where_it_is_mentioned(spec: Spec) -> None:
    before = spec.keys()
    assert spec.keys(unused="2") == before
    assert [a == b for a, b in zip(before, spec.keys(word="bye"), strict=True)] == [True, False]
    assert [a == b for a, b in zip(before, spec.keys(port="81"), strict=True)] == [False, False]
    spec.write("site.yml", "- ansible.builtin.debug: {msg: \"{{ lookup('vars', name) }}\"}\n")
    before = spec.keys()
    assert spec.keys(unused="2")[1] != before[1], "any may be meant by a name that is made up when it runs"


def test_where_a_role_lies_counts_as_what_it_sets_may_name_its_files(spec: Spec, tmp_path: Path) -> None:
    assert not set(spec.keys()) & set(Spec(tmp_path / "moved").keys())


def test_the_base_and_the_order_of_layers_count(spec: Spec) -> None:
    before = spec.keys()
    assert not set(before) & set(spec.keys(base="sha256:2"))
    lines = SPEC.splitlines(keepends=True)
    spec.write("web.yml", "".join([*lines[:7], lines[9], *lines[7:9], *lines[10:]]))
    assert spec.plan().layers[0].tasks is not None
    assert not set(before) & set(spec.keys())


def test_a_file_that_is_looked_up_counts(spec: Spec, tmp_path: Path) -> None:
    outside = tmp_path / "motd"
    outside.write_text("one")
    spec.write("site.yml", f"- ansible.builtin.debug: {{msg: \"{{{{ lookup('file', '{outside}') }}}}\"}}\n")
    before = spec.keys()
    assert spec.off() == ["", ""]
    outside.write_text("two")
    assert spec.keys()[1] != before[1]


def test_a_file_that_a_variable_names_counts(spec: Spec, tmp_path: Path) -> None:
    outside = tmp_path / "app.jar"
    outside.write_text("one")
    before = spec.keys(word=str(outside))
    outside.write_text("two")
    assert spec.keys(word=str(outside))[1] != before[1]


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ("copy: {content: '{{ db_password }}', dest: /p}", "it uses the secret db_password"),
        ("copy: {content: '{{ vaulted }}', dest: /p}", "it uses the secret vaulted"),
        (
            "debug: {msg: \"{{ lookup('env', 'HOME') }}\"}",
            "it looks something up on this machine: lookup('env', 'HOME')",
        ),
        ("debug: {msg: \"{{ lookup('file', word) }}\"}", "it looks something up on this machine: lookup('file',"),
        (
            "debug: {msg: '{{ item }}'}\n  with_fileglob: ['*.conf']",
            "it looks something up on this machine: with_fileglob",
        ),
        ("set_fact: {x: '{{ playbook_dir }}/a'}", "it uses where its project lies"),
        ("command: uptime\n  no_log: true", "it hides what it does: no_log"),
        ("command: uptime\n  delegate_to: localhost", "it runs tasks elsewhere than on the machine"),
        ("debug: {msg: '{{ goldsmith_build_id }}'}", "it uses what is another thing in each build"),
    ],
)
def test_what_cannot_be_told_beforehand_is_never_kept(spec: Spec, tasks: str, reason: str) -> None:
    spec.write("group_vars/more.yml", "vaulted: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61\n")
    spec.write("site.yml", f"- ansible.builtin.{tasks}\n")
    first, second = spec.off()
    assert first == ""
    assert second.startswith(reason)


def test_an_encrypted_file_of_variables_may_be_used_by_any_layer(spec: Spec) -> None:
    spec.write("group_vars/secret.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n")
    assert all("group_vars/secret.yml is encrypted" in reason for reason in spec.off())


def test_a_role_with_an_encrypted_file_is_never_kept(spec: Spec) -> None:
    spec.write("roles/nginx/vars/main.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n")
    assert spec.off() == ["it has an encrypted file", ""]


def test_the_spec_may_say_that_a_layer_is_not_kept(spec: Spec) -> None:
    spec.replace("web.yml", "- tasks: site.yml", "- {tasks: site.yml, cache: false}")
    assert spec.off() == ["", "cache: false in the spec"]


def test_a_machine_with_volumes_keeps_nothing(spec: Spec) -> None:
    spec.replace("web.yml", "{docker: {}}", "{docker: {machine: {tmpfs: [/srv]}}}")
    assert set(spec.off()) == {"its machine has tmpfs, and what lies there is not kept"}


def test_what_of_the_engines_machine_is_used_is_told(spec: Spec) -> None:
    spec.write(
        "site.yml", "- ansible.builtin.debug: {msg: '{{ ansible_facts.processor_vcpus }} {{ ansible_kernel }}'}\n"
    )
    assert [layer.engine for layer in spec.layers()] == [(), ("kernel", "processors")]


def test_a_layer_that_installs_packages_says_so(spec: Spec) -> None:
    spec.write("site.yml", "- ansible.builtin.apt: {name: nano}\n")
    assert [layer.packages for layer in spec.layers()] == [False, True]


def test_layers_run_from_the_named_one_on(spec: Spec) -> None:
    found = spec.layers()
    fresh = [layer.fresh for layer in layers.refreshed(found, everything=False, start="site")]
    assert fresh == ["", "--no-cache-from site"]
    assert [layer.fresh for layer in layers.refreshed(found, everything=False, start="1")] == ["--no-cache-from 1"] * 2
    assert [layer.fresh for layer in layers.refreshed(found, everything=True, start="")] == ["--no-cache"] * 2
    with pytest.raises(InputError, match="Did you mean nginx"):
        layers.check_name("ngin", ["nginx", "site"])


DISK = """\
name: web
platforms: {debian-12: {disk: {image: "debian:12"}}}
layers: [{tasks: site.yml}, {tasks: site.yml, name: again}]
targets: {disk: {partitions: [{mount: /var, size: 1GiB}], kernel_arguments: [quiet]}}
"""


@pytest.mark.parametrize("changed", ["/srv", "2GiB", "nosmt"])
def test_a_disks_layers_are_not_taken_from_one_with_other_file_systems_or_kernel_arguments(
    spec: Spec, changed: str
) -> None:
    spec.write("web.yml", DISK)
    before = spec.keys()
    was = {"/srv": "/var", "2GiB": "1GiB", "nosmt": "quiet"}[changed]
    spec.replace("web.yml", was, changed)
    # The size of a partition is in no file that a layer could find.
    assert (spec.keys() == before) is (changed == "2GiB")


def test_a_disks_lowest_layer_stands_on_packages_that_were_installed_from_the_archives_of_its_base(spec: Spec) -> None:
    spec.write("web.yml", DISK)
    assert [layer.packages for layer in spec.layers()] == [True, False]
    spec.replace("web.yml", 'image: "debian:12"', "debootstrap: {suite: bookworm}")
    assert [layer.packages for layer in spec.layers()] == [False, False]


def test_a_disk_that_is_imported_stands_on_the_same(spec: Spec) -> None:
    direct = DISK.replace("disk: {image", "ec2: {image").replace("disk: {part", "ec2: {strategy: direct, disk: {part")
    spec.write("web.yml", direct.replace("[quiet]}}", "[quiet]}}}"))
    assert {"disk:fstab", "disk:kernel_arguments", "disk:packages"} <= set(spec.layers()[0].ingredients)
    before = spec.keys()
    spec.replace("web.yml", "quiet", "nosmt")
    assert not set(spec.keys()) & set(before)
