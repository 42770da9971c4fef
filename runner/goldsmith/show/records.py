"""What people read of recorded images: lists, paragraphs, trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.tree import Tree

from goldsmith.artifacts import Found, Removal
from goldsmith.registry.diff import Change, Difference
from goldsmith.registry.log import Entry
from goldsmith.registry.records import (
    Ancestor,
    BuildRecord,
    Evidence,
    ImageDetail,
    ImageSummary,
    RevocationReport,
    Version,
)
from goldsmith.registry.retention import Verdict
from goldsmith.show.builds import identity
from goldsmith.show.evidence import evidence_lines
from goldsmith.show.text import age, size, table, text


def images_table(images: Iterable[ImageSummary], *, filtered: bool = False) -> str:
    """Return the list of images as a table; ``filtered`` says that there may be others."""
    shown = table("IMAGE", "VERSION", "STATE", "PLATFORMS", "TARGETS", "BUILT", "SIZE", "CHANNELS")
    for image in images:
        shown.add_row(
            image.name,
            image.newest.label,
            "revoked" if image.revocation else image.state,
            ", ".join(image.platforms),
            ", ".join(image.targets),
            age(image.built) if image.built else "never",
            size(image.size) if image.size is not None else "",
            ", ".join(f"{name} {version.label}" for name, version in image.channels.items()),
        )
    if not shown.rows:
        return "No image matches." if filtered else "No image is recorded yet. Build one: goldsmith build SPEC"
    return text(shown)


def image_text(image: ImageDetail, evidence: Mapping[str, Mapping[str, Evidence]]) -> str:
    """Return an image with its versions and builds as paragraphs, and where the evidence of each build lies."""
    lines = [image.name]
    for version in image.versions:
        pointing = f", {', '.join(version.channels)}" if version.channels else ""
        lines.append(f"\nversion {_name(version.version)}: {version.state}{pointing}, {age(version.created)}")
        if version.revocation:
            lines.append(f"  REVOKED  {version.revocation.told}")
        for build in version.builds:
            lines += [f"  {line}" for line in _build(build)]
            lines += [f"    {line}" for line in evidence_lines(evidence.get(build.id, {}))]
    return "\n".join(lines)


def log_table(entries: Sequence[Entry]) -> str:
    """Return what became of an image as a table, the newest first."""
    shown = table("WHEN", "VERSION", "WHAT", "BY", "WHY")
    for entry in entries:
        shown.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", str(entry.version or ""), entry.what, entry.by, entry.reason)
    return text(shown)


def ancestry_text(trees: Iterable[Ancestor]) -> str:
    """Return trees of what was built on what."""
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        for tree in trees:
            console.print(_tree(tree))
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def revoked_text(report: RevocationReport) -> str:
    """Return what a revocation reaches, and what to do about it."""
    one = report.revocation
    lines = [one.told if one.at <= one.recorded else f"{one.version} will be revoked on {one.at:%Y-%m-%d %H:%M} UTC"]
    if report.descendants:
        holds = "revoked with it" if one.descendants else "built on it, and not revoked (--descendants does that)"
        lines.append(f"  {holds}: {', '.join(map(str, report.descendants))}")
    for channel in report.channels:
        lines.append(
            f"  {channel} points at {channel.version}: promote another version, "
            f"or empty it: goldsmith images promote {channel.image} {channel.name} --demote"
        )
    for artifact in report.artifacts:
        name = f"{artifact.version} {' '.join(artifact.tags)}".strip()
        lines += [f"  still there: {name}, {' '.join(line.split())}" for line in identity(artifact, artifact.identity)]
    return "\n".join(lines)


def promoted_text(channel: str, version: Version, before: Version | None) -> str:
    """Return what a promotion changed."""
    if before == version:
        return f"{channel} points at {version} already."
    return f"{channel} points at {version} now" + (f", and pointed at {before} before." if before else ".")


def demoted_text(channel: str, before: Version | None) -> str:
    """Return what emptying a channel changed."""
    return f"{channel} points at nothing now, and pointed at {before} before." if before else f"{channel} was empty."


def difference_text(one: str, other: str, differences: Sequence[Difference]) -> str:
    """Return what changed between two versions as paragraphs, one for each platform and target."""
    lines = [f"{one} -> {other}"]
    for difference in differences:
        lines += ["", difference.label]
        told = [f"  {line}" for part in (_packages, _cves, _values, _bulk) for line in part(difference)]
        lines += told or ["  nothing changed"]
    return "\n".join(lines)


def pruned_text(verdicts: Sequence[Verdict], removals: Sequence[Removal]) -> str:
    """Return what was removed, or in check mode would be, and why the rest stays."""
    lines = []
    became = {removal.artifact.id: removal for removal in removals}
    for verdict in verdicts:
        artifact = verdict.held.artifact
        name = f"{artifact.version} {verdict.held.label.partition('/')[2]} ({artifact.identity[:19]})"
        removal = became.get(artifact.id)
        if removal is None:
            lines.append(f"{'would remove' if verdict.goes else 'keeps'} {name}: {verdict.reason}")
        else:
            verb = {"removed": "removed", "kept": "keeps", "failed": "could not remove"}[removal.state]
            lines.append(f"{verb} {name}" + (f": {removal.reason}" if removal.reason else ""))
    return "\n".join(lines) or "No image is recorded as there."


def verified_text(found: Sequence[Found], *, marked: bool) -> str:
    """Return which artifacts are there, which are missing, and of which that is not known."""
    lines = []
    for one in sorted(found, key=lambda one: ("missing", "unknown", "there").index(one.state)):
        name = f"{one.artifact.version} {one.label.partition('/')[2]} ({one.artifact.identity[:19]})"
        lines.append(f"{one.state:<8} {name}" + (f": {one.reason}" if one.reason else ""))
    missing = sum(one.state == "missing" for one in found)
    if missing and marked:
        lines.append(f"{missing} recorded as deleted.")
    elif missing:
        lines.append("goldsmith images verify --mark records what is missing as deleted.")
    return "\n".join(lines) or "No image is recorded as there."


def _name(version: Version) -> str:
    return version.label if version.label == str(version.sequence) else f"{version.label} (@{version.sequence})"


def _tree(node: Ancestor) -> Tree:
    marks = [f"({', '.join(node.channels)})"] if node.channels else []
    if node.revocation:
        marks.append("REVOKED")
    if node.artifact and node.artifact.state != "available":
        marks.append(node.artifact.state)
    if node.asked:
        marks.append("<-")
    where = node.label.partition("/")[2]
    tree = Tree(" ".join([node.name, *([where] if where else []), *marks]), highlight=False)
    for child in node.children:
        tree.children.append(_tree(child))
    return tree


def _packages(difference: Difference) -> Iterator[str]:
    if difference.packages:
        counts = Counter(one.change for one in difference.packages)
        yield "packages  " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    for one in difference.packages:
        versions = f"{one.before} -> {one.after}" if one.before and one.after else one.before or one.after
        yield f"  {one.change:<10} {one.name} {versions}"


def _cves(difference: Difference) -> Iterator[str]:
    if difference.cves_fixed is None:
        yield "CVEs      not known: os_patching_cves asks for them, and both builds must have it"
    if difference.cves_fixed:
        yield f"fixed     {', '.join(difference.cves_fixed)}"
    if difference.cves_new:
        yield f"new CVEs  {', '.join(difference.cves_new)}"


def _values(difference: Difference) -> Iterator[str]:
    for title, changes in (
        ("config", difference.config),
        ("control", difference.compliance),
        ("test", difference.tests),
    ):
        for change in changes:
            yield f"{title:<9} {change.name}: {_value(change, 'before')} -> {_value(change, 'after')}"


def _value(change: Change, side: str) -> str:
    value = getattr(change, side)
    return "none" if value is None else "yes" if value is True else str(value)


def _bulk(difference: Difference) -> Iterator[str]:
    before, after = difference.size
    if before is not None and after is not None and before != after:
        grown = f"{'+' if after > before else '-'}{size(abs(after - before))}"
        yield f"size      {size(before)} -> {size(after)} ({grown})"
    if difference.layers and difference.layers[:2] != (difference.layers[2],) * 2:
        yield "layers    {} -> {}, {} in common".format(*difference.layers)


def _build(build: BuildRecord) -> list[str]:
    seconds = f" in {build.seconds:.0f} s" if build.seconds is not None else ""
    lines = [f"{build.label}: {build.state}{seconds}, build {build.id}"]
    for artifact in build.artifacts:
        lines += [f"  image    {tag}" for tag in artifact.tags]
        gone = "" if artifact.state == "available" else f" ({artifact.state})"
        lines += [f"  {line}{gone}" for line in identity(artifact, artifact.identity)]
        if artifact.size is not None:
            lines.append(f"  size     {size(artifact.size)}")
        if artifact.base_reference:
            lines.append(f"  base     {artifact.base_reference}")
    if build.packages:
        lines.append(f"  packages {build.packages}")
    if build.tests.total:
        lines.append(
            f"  tests    {build.tests.passed} passed, {build.tests.failed} failed, {build.tests.skipped} skipped"
        )
    if build.failure:
        lines.append(f"  failure  {build.failure}")
    return lines
