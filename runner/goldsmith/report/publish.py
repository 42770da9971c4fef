"""Writes the pages of builds, and the index that leads to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from goldsmith.errors import EnvironmentFault
from goldsmith.fleet.survey import Survey
from goldsmith.registry import BuildRecord, Registry
from goldsmith.report.index import Entry, Index, newest_by_label
from goldsmith.report.page import Page, page
from goldsmith.report.render import build_html, index_html
from goldsmith.report.sources import gather
from goldsmith.report.surveys import Verdict


@dataclass(frozen=True)
class Beside:
    """What is shown beside the record, because somebody has found it out before.

    Attributes:
        plan: Which images must be built anew, by label.
        fleet: What runs, for the index.
    """

    plan: Mapping[str, Verdict] = field(default_factory=dict)
    fleet: Survey | None = None


NOTHING = Beside()


def build_page(registry: Registry, record: BuildRecord, root: Path, output: Path, beside: Beside = NOTHING) -> None:
    """Write the page of a build.

    Args:
        registry: Where it is recorded.
        record: The build.
        root: Goldsmith's home.
        output: File to write.
        beside: What is shown beside the record.

    Raises:
        EnvironmentFault: The registry cannot be read, or the file cannot be written.
    """
    _write(output, build_html(_page(registry, record, root, beside)))


def all_pages(
    registry: Registry, root: Path, output: Path, beside: Beside = NOTHING, now: datetime | None = None
) -> int:
    """Write the index of all images, and beside it the page of each one's newest build on each platform and target.

    Args:
        registry: Where they are recorded.
        root: Goldsmith's home.
        output: File of the index.
        beside: What is shown beside the record.
        now: Time that ages are told from; by default the present one.

    Returns:
        How many pages there are beside the index.

    Raises:
        EnvironmentFault: The registry cannot be read, or a file cannot be written.
    """
    entries = tuple(_entries(registry, root, output, beside, now))
    _write(output, index_html(Index(entries, beside.fleet), now))
    return len(entries)


def _entries(registry: Registry, root: Path, output: Path, beside: Beside, now: datetime | None) -> Iterator[Entry]:
    """Write the page of each image and yield its line of the index; no more than one is held at a time."""
    for image in registry.images():
        versions = registry.image(image.name).versions
        revoked = {one.version: one.revocation.told for one in versions if one.revocation}
        builds = (build for version in versions for build in version.builds)
        for label, (newest, good) in sorted(newest_by_label(builds).items()):
            shown = _page(registry, newest, root, beside)
            _write(output.parent / shown.name, build_html(shown, index=output.name, now=now))
            yield Entry(
                newest=newest,
                good=good,
                compliance=shown.compliance,
                page=shown.name,
                channels=image.channels,
                revoked=revoked.get((good or newest).version, ""),
                verdict=beside.plan.get(label),
            )


def _page(registry: Registry, record: BuildRecord, root: Path, beside: Beside) -> Page:
    """Return the page of a build; what is said of its label is said of the newest artifact that is there."""
    verdict = beside.plan.get(record.label)
    newest = registry.newest_artifact(record.version.image, record.platform, record.target) if verdict else None
    return page(gather(registry, record, root), verdict if newest and newest.build == record.id else None)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be written: {error.strerror}", "Name another place by -o.") from error
