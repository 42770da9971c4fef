"""Writes the pages of builds, and the index that leads to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from goldsmith.errors import EnvironmentFault
from goldsmith.registry import BuildRecord, Registry
from goldsmith.report.index import Entry, Index, newest_by_label
from goldsmith.report.page import compliance, page
from goldsmith.report.render import build_html, index_html
from goldsmith.report.sources import gather


def build_page(registry: Registry, record: BuildRecord, root: Path, output: Path) -> None:
    """Write the page of a build.

    Args:
        registry: Where it is recorded.
        record: The build.
        root: Goldsmith's home.
        output: File to write.

    Raises:
        EnvironmentFault: The registry cannot be read, or the file cannot be written.
    """
    _write(output, build_html(page(gather(registry, record, root))))


def all_pages(registry: Registry, root: Path, output: Path, now: datetime | None = None) -> int:
    """Write the index of all images, and beside it the page of each one's newest build on each platform and target.

    Args:
        registry: Where they are recorded.
        root: Goldsmith's home.
        output: File of the index.
        now: Time that ages are told from; by default the present one.

    Returns:
        How many pages there are beside the index.

    Raises:
        EnvironmentFault: The registry cannot be read, or a file cannot be written.
    """
    entries = tuple(_entries(registry, root, output, now))
    _write(output, index_html(Index(entries), now))
    return len(entries)


def _entries(registry: Registry, root: Path, output: Path, now: datetime | None) -> Iterator[Entry]:
    """Write the page of each image and yield its line of the index; no more than one is held at a time."""
    for image in registry.images():
        builds = (build for version in registry.image(image.name).versions for build in version.builds)
        for _, (newest, good) in sorted(newest_by_label(builds).items()):
            shown = page(gather(registry, newest, root))
            _write(output.parent / shown.name, build_html(shown, index=output.name, now=now))
            yield Entry(newest, good, compliance(shown.sources.compliance), shown.name)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be written: {error.strerror}", "Name another place by -o.") from error
