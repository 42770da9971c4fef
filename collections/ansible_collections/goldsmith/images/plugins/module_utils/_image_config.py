# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image's configuration: what the base has, what is overridden, our labels, and the image document made of them.

Pure functions. The fields are those of the OCI image configuration
(https://github.com/opencontainers/image-spec/blob/main/config.md) and of Docker's additions to it
(https://github.com/moby/docker-image-spec): Healthcheck, OnBuild, Shell.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Iterable, Mapping, Optional

from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_BUILD, LABEL_NAME, LABEL_ROLE
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

OURS = "io.goldsmith."
OCI = "org.opencontainers.image."
OCI_KEYS = {
    "source": OCI + "source",
    "version": OCI + "version",
    "revision": OCI + "revision",
    "base_name": OCI + "base.name",
    "base_digest": OCI + "base.digest",
    "title": OCI + "title",
    "description": OCI + "description",
}
"""Options that become labels, by the names of https://github.com/opencontainers/image-spec/blob/main/annotations.md."""

_KEPT = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
    "ArgsEscaped",
)
"""What an image can hand to its containers. The engine's other fields (Hostname, Tty, ...) describe one container."""

_PORT = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?$")
_SIGNAL = re.compile(r"^(?:\d{1,2}|(?:SIG)?RT(?:MIN(?:\+\d{1,2})?|MAX(?:-\d{1,2})?)|(?:SIG)?[A-Z][A-Z0-9]+)$")
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Identity:
    """What an image says of itself, beside its configuration.

    Attributes:
        build_id: The build that made it.
        name: The image's name.
        created: When, RFC 3339.
        author: Who, or an empty string.
        comment: Remark for the history entry, or an empty string.
        oci: Values by the keys of `OCI_KEYS`.
        marks: Values of further labels of ours, by what follows `OURS`.
    """

    build_id: str
    name: str
    created: str
    author: str = ""
    comment: str = ""
    oci: Mapping[str, Optional[str]] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


def timestamp(given: str | None, epoch: str | None, now: datetime) -> str:
    """Return the time of creation in RFC 3339, UTC.

    Args:
        given: RFC 3339 or seconds since 1970, or None.
        epoch: ``SOURCE_DATE_EPOCH`` (https://reproducible-builds.org/specs/source-date-epoch/), or None.
        now: What holds when neither is given.

    Raises:
        Fault: One of them is not a time.
    """
    if given:
        return _rfc3339(_time(given, "created"))
    if epoch:
        if not epoch.isdigit():
            raise Fault(f"SOURCE_DATE_EPOCH is {epoch!r}: it must be a number of seconds since 1970. Unset or mend it.")
        return _rfc3339(_time(epoch, "SOURCE_DATE_EPOCH"))
    return _rfc3339(now.replace(microsecond=0))


def _time(text: str, name: str) -> datetime:
    try:
        if re.match(r"^\d+$", text):
            return datetime.fromtimestamp(int(text), UTC)
        time = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except (ValueError, OverflowError, OSError):
        time = None
    if time is None or time.tzinfo is None:
        raise Fault(f"{name} is {text!r}: give an RFC 3339 time such as 2026-11-22T09:30:00Z, or seconds since 1970.")
    return time


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def essential(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return those fields of an image's configuration that have a value and mean something in an image."""
    return {key: config[key] for key in _KEPT if config and config.get(key)}


def configuration(base: Mapping[str, Any] | None, change: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """Return an image's configuration: the base's, with what is overridden and our labels.

    Args:
        base: The base image's ``Config`` as the engine gives it.
        change: Options of the module: cmd, entrypoint, env, workdir, user, expose, labels, volumes, stop_signal,
            healthcheck, onbuild. None or absent keeps what the base has; env, labels, expose and volumes are merged.
        identity: Whom the labels are about.

    Raises:
        Fault: Values that no container could start with; all of them at once.
    """
    given = {key: value for key, value in change.items() if value is not None}
    problems = list(_problems(given))
    if problems:
        raise Fault("the image's config is wrong: " + "; ".join(problems))
    config = essential(base)
    if "entrypoint" in given:
        # As a Dockerfile's ENTRYPOINT does: the base's CMD were arguments of the base's entrypoint.
        config["Entrypoint"] = _command(given["entrypoint"])
        config["Cmd"] = []
    if "cmd" in given:
        config["Cmd"] = _command(given["cmd"])
    config["Env"] = _environment(config.get("Env", []), given.get("env", {}))
    config["ExposedPorts"] = {
        **config.get("ExposedPorts", {}),
        **{port: {} for port in _ports(given.get("expose", []))},
    }
    config["Volumes"] = {**config.get("Volumes", {}), **{str(path): {} for path in given.get("volumes", [])}}
    config["Labels"] = labels(config.get("Labels", {}), given.get("labels", {}), identity)
    for key, name in (
        ("workdir", "WorkingDir"),
        ("user", "User"),
        ("stop_signal", "StopSignal"),
        ("onbuild", "OnBuild"),
    ):
        if key in given:
            config[name] = given[key]
    if "healthcheck" in given:
        config["Healthcheck"] = _healthcheck(given["healthcheck"])
    return essential(config)


def labels(base: Mapping[str, str], given: Mapping[str, Any], identity: Identity) -> dict[str, str]:
    """Return an image's labels: the base's without what describes the base itself, then OCI's, the user's and ours."""
    kept = {key: value for key, value in base.items() if not key.startswith((OURS, OCI))}
    about = {OCI_KEYS[key]: value for key, value in identity.oci.items() if value}
    return {
        **kept,
        OCI + "title": identity.name,
        **about,
        **{str(key): _text(value) for key, value in given.items()},
        OCI + "created": identity.created,
        **{OURS + key: _text(value) for key, value in identity.marks.items()},
        LABEL_BUILD: identity.build_id,
        LABEL_NAME: identity.name,
        LABEL_ROLE: "artifact",
    }


def document(
    base: Mapping[str, Any],
    config: Mapping[str, Any],
    diff_ids: Iterable[str],
    history: Iterable[Mapping[str, Any]],
    identity: Identity,
) -> bytes:
    """Return the image document, whose sha256 is the image's id in engines that keep layers by graph driver.

    Args:
        base: The base as the engine describes it: Architecture, Os, Variant, OsVersion.
        config: What `configuration` returned.
        diff_ids: Digests of the uncompressed layers, lowest first.
        history: Entries of the layers below the one that is added, oldest first.
        identity: Time, author and comment of the entry for the layer that is added.
    """
    layers, below = list(diff_ids), list(history)
    entry = {
        "created": identity.created,
        "created_by": f"goldsmith {identity.build_id}",
        "author": identity.author,
        "comment": identity.comment,
        # An engine adds no layer for a container in which nothing changed.
        "empty_layer": _layers_in(below) == len(layers),
    }
    image = {
        "created": identity.created,
        "author": identity.author,
        "architecture": base.get("Architecture"),
        "variant": base.get("Variant"),
        "os": base.get("Os") or "linux",
        "os.version": base.get("OsVersion"),
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [*below, {key: value for key, value in entry.items() if value}],
    }
    filled = {key: value for key, value in image.items() if value}
    return json.dumps(filled, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data: bytes) -> str:
    """Return ``sha256:…`` of the data."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def history_from_listing(listing: Iterable[Mapping[str, Any]], layers: int) -> list[dict[str, Any]] | None:
    """Return an image's history from what the engine lists, or None where that leaves open which entries are layers.

    The engine's list does not say which entries made a layer; the size does, unless a layer is empty.

    Args:
        listing: ``GET /images/…/history``: newest first; Created in seconds, CreatedBy, Comment, Size in bytes.
        layers: How many layers the image has.
    """
    history = []
    for item in reversed(list(listing)):
        entry = {
            "created": _rfc3339(datetime.fromtimestamp(max(item.get("Created") or 0, 0), UTC)),
            "created_by": item.get("CreatedBy"),
            "comment": item.get("Comment"),
            "empty_layer": not item.get("Size"),
        }
        history.append({key: value for key, value in entry.items() if value})
    return history if _layers_in(history) == layers else None


def complete_history(history: Iterable[Mapping[str, Any]], layers: int, created: str) -> list[dict[str, Any]]:
    """Return a history with exactly one entry for each layer, beside those that made none.

    Some builders write no history, or too short a one; then the engine would take our entry for the lowest layer's.
    """
    entries = [dict(entry) for entry in history]
    if _layers_in(entries) > layers:
        entries = []
    unknown = {"created": created, "comment": "the base image has no record of this layer"}
    return entries + [dict(unknown) for _missing in range(layers - _layers_in(entries))]


def _layers_in(history: Iterable[Mapping[str, Any]]) -> int:
    return sum(not entry.get("empty_layer") for entry in history)


def _problems(given: Mapping[str, Any]) -> Iterable[str]:
    for key in ("cmd", "entrypoint"):
        yield from _command_problems(key, given.get(key, []))
    for key in ("env", "labels"):
        for name, value in given.get(key, {}).items():
            if not str(name) or "=" in str(name):
                yield f"{key} has the name {name!r}; a name is not empty and has no '='"
            if isinstance(value, (dict, list)) or (value is None and key == "labels"):
                yield f"{key}.{name} is {value!r}; give a text"
            if key == "labels" and str(name).startswith(OURS):
                yield f"the label {name} is Goldsmith's own; choose another name"
    for port in given.get("expose", []):
        if not _ports([port]):
            yield f"expose has {port!r}; give a port such as 8080/tcp, or a range such as 8000-8010/udp"
    for path in [*given.get("volumes", []), *([given["workdir"]] if "workdir" in given else [])]:
        if not str(path).startswith("/"):
            yield f"{path!r} in volumes or workdir must be an absolute path"
    if given.get("stop_signal") and not _SIGNAL.match(given["stop_signal"]):
        yield f"stop_signal is {given['stop_signal']!r}; give a name such as SIGTERM, or a number"
    if "healthcheck" in given:
        yield from _healthcheck_problems(given["healthcheck"])


def _healthcheck_problems(check: Mapping[str, Any]) -> Iterable[str]:
    if not check.get("test"):
        yield "healthcheck.test is missing; give a command, or NONE to switch the base's check off"
    yield from _command_problems("healthcheck.test", check.get("test") or [])
    for key in ("interval", "timeout", "start_period"):
        seconds = check.get(key)
        if seconds and seconds < 0.001:
            yield f"healthcheck.{key} is {seconds} s; the engine takes no less than 0.001 s"
    if (check.get("retries") or 0) < 0:
        yield f"healthcheck.retries is {check['retries']}; give 1 or more"


def _command_problems(key: str, command: Any) -> Iterable[str]:
    words = command if isinstance(command, list) else [command]
    if any(isinstance(word, (dict, list)) or word is None for word in words):
        yield f"{key} is {command!r}; give a list of texts, or one text for the shell"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _command(command: Any) -> list[str]:
    """Return the exec form; a text runs in the shell, as in a Dockerfile."""
    return [_text(word) for word in command] if isinstance(command, list) else ["/bin/sh", "-c", _text(command)]


def _environment(base: Iterable[str], given: Mapping[str, Any]) -> list[str]:
    merged = {}
    for item in base:
        name, _equals, value = item.partition("=")
        merged[name] = value
    for name, value in given.items():
        if value is None:
            merged.pop(str(name), None)
        else:
            merged[str(name)] = _text(value)
    return [f"{name}={value}" for name, value in merged.items()]


def _ports(given: Iterable[Any]) -> list[str]:
    """Return ports in the engine's form, without those that are none."""
    ports = []
    for item in given:
        match = _PORT.match(str(item))
        if match:
            first, last, protocol = int(match[1]), int(match[2] or match[1]), match[3] or "tcp"
            if first > 0 and last < 65536:
                ports += [f"{port}/{protocol}" for port in range(first, last + 1)]
    return ports


def _healthcheck(given: Mapping[str, Any]) -> dict[str, Any]:
    test = given["test"]
    if isinstance(test, list):
        words = [_text(word) for word in test]
        test = words if words[0] in ("NONE", "CMD", "CMD-SHELL") else ["CMD", *words]
    else:
        test = ["NONE"] if test == "NONE" else ["CMD-SHELL", _text(test)]
    check = {
        "Test": test,
        "Interval": round((given.get("interval") or 0) * _NANOSECONDS),
        "Timeout": round((given.get("timeout") or 0) * _NANOSECONDS),
        "StartPeriod": round((given.get("start_period") or 0) * _NANOSECONDS),
        "Retries": given.get("retries") or 0,
    }
    return {key: value for key, value in check.items() if value}
