from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

from goldsmith.errors import InputError
from goldsmith.spec import LoadedSpec, load
from goldsmith.targets import Target
from goldsmith.targets.docker import target

settings.register_profile("goldsmith", deadline=None)  # the machines that run tests are shared
settings.load_profile("goldsmith")

MINIMAL = {
    "name": "name: web\n",
    "platforms": "platforms: {debian-12: {docker: {image: debian}}}\n",
    "targets": "targets: {docker: }\n",
}


class Folder:
    """A folder of spec files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.targets: Mapping[str, Target] = {"docker": target}

    def write(self, name: str, text: str = "") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def spec(self, text: str, name: str = "web.yml") -> Path:
        """Write a spec; the keys that every spec needs are added at its end where it does not say them."""
        text = dedent(text).lstrip("\n")
        missing = [line for key, line in MINIMAL.items() if f"\n{key}:" not in f"\n{text}"]
        return self.write(name, text + "".join(missing))

    def load(self, text: str, overrides: Mapping[str, str] | None = None) -> LoadedSpec:
        return load(self.spec(text), overrides or {}, self.targets)

    def problems(self, text: str, overrides: Mapping[str, str] | None = None) -> list[str]:
        """Return what is wrong with a spec, the folder's own path left out."""
        with pytest.raises(InputError) as caught:
            self.load(text, overrides)
        assert caught.value.problems, "an error about a spec's content lists its problems"
        return [str(problem).replace(f"{self.path}/", "") for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


MakeFolder = Callable[[Path], Folder]


@pytest.fixture(scope="session")
def make_folder() -> MakeFolder:
    """For property tests, which run many examples in one test."""
    return Folder
