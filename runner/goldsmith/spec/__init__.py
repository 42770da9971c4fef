"""The spec: YAML -> validated models -> builds."""

from __future__ import annotations

from goldsmith.spec.builds import Build, builds
from goldsmith.spec.load import LoadedSpec, load
from goldsmith.spec.models import Boot, Layer, Secret, Spec, Test, spec_model

__all__ = ["Boot", "Build", "Layer", "LoadedSpec", "Secret", "Spec", "Test", "builds", "load", "spec_model"]
