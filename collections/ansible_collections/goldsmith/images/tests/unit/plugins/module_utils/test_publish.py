# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of images, and what is said when a registry refuses a push."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._publish import references, refusal, registry_of


@pytest.mark.parametrize(
    "repository",
    [
        "web",
        "team/web",
        "localhost/web",
        "localhost:5000/web",
        "registry.example.com/a/b/c",
        "[::1]:5000/web",
        "Registry.Example.com/web",
        "a__b/c-d--e.f",
    ],
)
def test_repositories_that_registries_take(repository: str) -> None:
    assert references(repository, ["1"]) == [f"{repository}:1"]


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "Web",
        "A/web",
        "web:1",
        "web@sha256:abc",
        "/web",
        "web/",
        "a//b",
        "a b",
        "a.-b",
        "reg:port/web",
        "$(id)",
        "x" * 256,
    ],
)
def test_repositories_that_no_registry_takes_are_refused(repository: str) -> None:
    with pytest.raises(Fault, match=r"the repository .* is not valid: give"):
        references(repository, ["1"])


@pytest.mark.parametrize("tag", ["1.4", "latest", "_a", "A-b.c_d", "x" * 128])
def test_tags_that_registries_take(tag: str) -> None:
    assert references("web", [tag]) == [f"web:{tag}"]


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "x" * 129, "a\n", "ä", "$(id)"])
def test_tags_that_no_registry_takes_are_refused(tag: str) -> None:
    with pytest.raises(Fault, match=r"the tag .* is not valid"):
        references("web", [tag])


def test_a_version_with_a_plus_gets_a_proposal() -> None:
    with pytest.raises(Fault, match=r"'1\.0\+git' is not valid.*'1\.0-git' would do"):
        references("web", ["1.0+git"])


def test_all_wrong_references_are_told_at_once() -> None:
    with pytest.raises(Fault, match=r"the repository 'Web'.*the tag 'a b'.*the tag '.c'"):
        references("Web", ["a b", ".c"])


def test_a_tag_given_twice_is_one() -> None:
    assert references("web", ["1", "latest", "1"]) == ["web:1", "web:latest"]


@pytest.mark.parametrize(
    ("repository", "registry"),
    [
        ("web", "docker.io"),
        ("team/web", "docker.io"),
        ("localhost/web", "localhost"),
        ("127.0.0.1:5000/web:1", "127.0.0.1:5000"),
        ("ghcr.io/a/b", "ghcr.io"),
    ],
)
def test_the_registry_of_a_repository(repository: str, registry: str) -> None:
    assert registry_of(repository) == registry


@pytest.mark.parametrize(
    ("reason", "words", "advice"),
    [
        ('Get "http://r.io/v2/": dial tcp: lookup r.io: no such host', "cannot be reached", "Check its address"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "cannot be reached", "Check its address"),
        ("x509: certificate signed by unknown authority", "cannot be reached", "Check its address"),
        ("unauthorized: authentication required", "denied the push", "Log in by `docker login r.io`"),
        ("no basic auth credentials", "denied the push", "Log in by `docker login r.io`"),
        ("denied: requested access to the resource is denied", "denied the push", "Log in by"),
        ("name unknown: The repository with name 'web' does not exist", "has no repository", "Create the repository"),
        ("blob upload invalid: quota exceeded", "refused the push", "Mend that"),
    ],
)
def test_a_refusal_says_who_why_what_stays_and_how_to_push_again(reason: str, words: str, advice: str) -> None:
    message = refusal("r.io/web:1", reason, "sha256:abc", ["r.io/web:0", "r.io/web:1"], ["r.io/web:1", "r.io/web:2"])
    assert f"the registry r.io {words}" in message
    assert reason in message
    assert "sha256:abc and its local tags r.io/web:0, r.io/web:1 stay" in message
    assert advice in message
    assert message.endswith("docker push r.io/web:1 && docker push r.io/web:2")


def test_docker_hub_is_logged_into_without_a_name() -> None:
    assert "by `docker login` as" in refusal("web:1", "denied", "sha256:abc", ["web:1"], ["web:1"])
