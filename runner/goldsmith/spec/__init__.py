"""The spec: YAML -> validated models -> builds."""

from __future__ import annotations

from goldsmith.spec.builds import Build, builds, select
from goldsmith.spec.fingerprint import fingerprint
from goldsmith.spec.load import PLACEHOLDER_VERSION, LoadedSpec, load
from goldsmith.spec.mask import Mask
from goldsmith.spec.models import Boot, Layer, Secret, Spec, Test, spec_model
from goldsmith.spec.schema import json_schema
from goldsmith.spec.secrets import lookups, resolve

__all__ = [
    "PLACEHOLDER_VERSION",
    "Boot",
    "Build",
    "Layer",
    "LoadedSpec",
    "Mask",
    "Secret",
    "Spec",
    "Test",
    "builds",
    "fingerprint",
    "json_schema",
    "load",
    "lookups",
    "resolve",
    "select",
    "spec_model",
]
