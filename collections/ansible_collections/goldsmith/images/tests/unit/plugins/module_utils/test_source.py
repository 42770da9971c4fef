# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._source import (
    describe,
    fits,
    is_id,
    must_pull,
    refusal,
)

ID = "sha256:" + "ab" * 32
IMAGE = {"Id": ID, "Os": "linux", "Architecture": "arm", "Variant": "v7"}


@pytest.mark.parametrize("platform", [None, "", "linux", "linux/arm", "linux/arm/v7", "arm"])
def test_image_fits_its_own_platform(platform: str | None) -> None:
    assert fits(IMAGE, platform)


@pytest.mark.parametrize("platform", ["linux/arm64", "linux/arm/v6", "windows", "windows/arm", "linux/arm/v7/x"])
def test_image_does_not_fit_another_platform(platform: str) -> None:
    assert not fits(IMAGE, platform)


@pytest.mark.parametrize("reference", [ID, ID[7:], ID[7:19], ID[:15]])
def test_id_is_told_from_a_name(reference: str) -> None:
    assert is_id(IMAGE, reference)
    assert not is_id(IMAGE, "debian:12")


@pytest.mark.parametrize(
    ("found", "policy", "platform", "asks"),
    [
        (None, "missing", None, True),
        (None, "always", None, True),
        (IMAGE, "missing", None, False),
        (IMAGE, "never", None, False),
        (IMAGE, "always", None, True),
        (IMAGE, "missing", "linux/amd64", True),
        (IMAGE, "missing", "linux/arm", False),
    ],
)
def test_registry_is_asked_only_when_it_must_be(
    found: dict[str, Any] | None, policy: str, platform: str | None, asks: bool
) -> None:
    assert must_pull(found, "debian:12", policy, platform) is asks


@pytest.mark.parametrize(("found", "platform"), [(None, None), (IMAGE, "linux/amd64")])
def test_never_means_never(found: dict[str, Any] | None, platform: str | None) -> None:
    with pytest.raises(Fault, match=r"docker pull debian:12"):
        must_pull(found, "debian:12", "never", platform)


def test_id_is_never_asked_for() -> None:
    assert not must_pull(IMAGE, ID, "always", None)
    with pytest.raises(Fault, match="An id cannot be pulled"):
        must_pull(None, ID, "missing", None)


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("pull access denied for web, repository does not exist or may require 'docker login'", "refuses"),
        ('Head "https://r.example/v2/web/manifests/1": unauthorized: authentication required', "refuses"),
        ("Get https://r.example/v2/: no basic auth credentials", "refuses"),
        ("error parsing HTTP 403 response body: unexpected end of JSON input", "refuses"),
        ("manifest for r.example/web:1 not found: manifest unknown: manifest unknown", "there is no image"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not there for the platform"),
        ('Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', "cannot be reached"),
        ('Get "https://r.example/v2/": x509: certificate signed by unknown authority', "cannot be reached"),
        ("net/http: request canceled while waiting for connection (Client.Timeout exceeded)", "cannot be reached"),
        ("invalid reference format: repository name must be lowercase", "is not the name"),
        ("something never heard of", "cannot be pulled from r.example: something never heard of"),
    ],
)
def test_refusal_is_said_in_the_user_s_words(reason: str, meaning: str) -> None:
    message = str(refusal("r.example/web:1", reason, "linux/arm64"))

    assert meaning in message
    assert "r.example/web:1" in message
    assert reason in message


def test_words_in_the_name_do_not_mislead() -> None:
    message = str(refusal("r.example/denied-x509:1", "manifest for r.example/denied-x509:1 not found", None))

    assert "there is no image" in message


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("debian:12", "docker.io"),
        ("library/debian", "docker.io"),
        ("localhost/web", "localhost"),
        ("r.example:5000/a/b", "r.example:5000"),
    ],
)
def test_registry_is_told_from_the_name(name: str, registry: str) -> None:
    assert f"Log in to {registry} " in str(refusal(name, "denied", None))


def test_digest_is_that_of_the_repository_asked_for() -> None:
    image = {"Id": ID, "RepoDigests": ["a.example/web@sha256:1", "b.example/web@sha256:2"]}

    assert describe(image, "b.example/web:1", "image")["digest"] == "b.example/web@sha256:2"
    assert describe(image, ID, "image")["digest"] == "a.example/web@sha256:1"
    assert describe({"Id": ID}, "web", "image")["digest"] is None
