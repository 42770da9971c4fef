"""What pages are made of, and how they are asked for; `test_browser` looks at them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldsmith import cli
from goldsmith.fleet.classify import Behind, Finding, State
from goldsmith.fleet.running import Running, Unreached
from goldsmith.fleet.survey import Survey
from goldsmith.registry import Evidence
from goldsmith.report.index import Entry, Index
from goldsmith.report.page import Page, compliance, page
from goldsmith.report.publish import all_pages, build_page
from goldsmith.report.render import build_html, index_html
from goldsmith.report.sources import gather
from goldsmith.result import ControlResult, Failure, LayerResult, Package, Source, TestResult
from goldsmith.show.fleet import survey_document

from .conftest import NOON, Records, controls, packages


def made(records: Records, **given: object) -> Page:
    return page(gather(records.registry, records.build(**given), records.home))


def text_of(html: str) -> str:
    """Return what there is to read in a page, without its style and script."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_page_tells_what_was_built_from_what_and_how_it_went(records: Records) -> None:
    shown = text_of(build_html(made(records, name="told"), now=NOON + timedelta(hours=2)))
    for part in ("told 1 built", "debian-12 / docker", "60.0 s build time", "175 MB", "debian:12"):
        assert part in shown
    assert "goldsmith.images.os_patching" in shown
    assert "2 hours ago" in shown


def test_the_timeline_is_in_the_order_of_the_lifecycle_and_marks_where_it_failed(records: Records) -> None:
    phases = {"validate": 25.0, "acquire": 25.0, "provision": 50.0}
    shown = made(records, status="failed", artifact=None, phases=phases).phases
    assert [(one.name, one.bar.start, one.bar.width, one.bar.tone) for one in shown] == [
        ("acquire", 0.0, 25.0, "plain"),
        ("provision", 25.0, 50.0, "plain"),
        ("validate", 75.0, 25.0, "bad"),
    ]


def test_phases_that_took_no_time_are_no_division_by_zero(records: Records) -> None:
    assert [one.bar.width for one in made(records, phases={"acquire": 0.0}).phases] == [0.0]


def test_tests_that_failed_come_first(records: Records) -> None:
    tests = (TestResult("goss", "a", "passed"), TestResult("goss", "b", "skipped"), TestResult("goss", "c", "failed"))
    shown = made(records, tests=tests)
    assert list(shown.tests) == ["failed", "skipped", "passed"]
    html = build_html(shown)
    assert html.index(">c<") < html.index(">a<")


def test_controls_are_told_by_chapter_of_cis_and_those_beyond_it_last() -> None:
    found = compliance(controls(376))
    assert found
    assert [chapter.number for chapter in found.chapters] == [1, 2, 3, 4, 5, 6, 7, 0]
    assert sum(count.number for count in found.counts) == 376
    assert (found.met, found.judged, found.percent) == (188, 188, 100)


def test_controls_of_a_chapter_are_in_cis_order_and_those_that_do_not_hold_come_first() -> None:
    numbers = {"5.10.1": "compliant", "5.2.1": "compliant", "5.9.1": "failed"}
    found = compliance(ControlResult(n, status, details={"cis": n}) for n, status in numbers.items())
    assert found
    assert [control.id for control in found.chapters[0].controls] == ["5.9.1", "5.2.1", "5.10.1"]
    assert (found.percent, found.chapters[0].failed) == (66, True)


def test_one_control_of_many_that_does_not_hold_is_not_rounded_away() -> None:
    many = [ControlResult(str(i), "compliant") for i in range(999)]
    found = compliance([*many, ControlResult("x", "failed")])
    assert found and found.percent == 99


def test_controls_that_are_all_disabled_have_no_percentage() -> None:
    found = compliance([ControlResult("x", "disabled")])
    assert found and found.percent is None


def test_a_status_of_a_newer_role_is_shown_as_it_is(records: Records) -> None:
    assert "half done" in build_html(made(records, compliance=(ControlResult("x", "half_done"),)))


def test_packages_are_compared_with_the_last_version_of_the_label_that_was_built(records: Records) -> None:
    records.build("line", packages=packages(3))
    records.build("line", target="ec2", packages=packages(9))
    records.build("line", status="failed", artifact=None, packages=())
    shown = made(records, name="line", packages=(*packages(2), Package("deb", "package-002", "9", "amd64")))
    assert shown.sources.previous and shown.sources.previous.build.version.label == "1"
    assert shown.difference
    assert [(one.change, one.before, one.after) for one in shown.difference.packages] == [("upgraded", "1.2-1", "9")]
    assert "since version 1" in text_of(build_html(shown))


def test_a_first_version_has_nothing_to_be_compared_with(records: Records) -> None:
    shown = made(records, name="first")
    assert shown.difference is None
    assert "No version of first/debian-12/docker before this one ended well" in text_of(build_html(shown))


def test_cache_hits_are_shown_with_their_reason_where_a_layer_tells_of_them(records: Records) -> None:
    record = records.build("cached", layers=(LayerResult(1, "nginx", "cached"),))
    assert "Cache" not in build_html(page(gather(records.registry, record, records.home)))
    layer = {"number": 1, "name": "nginx", "status": "cached", "cache": "hit", "reason": "nothing changed"}
    records.change(record, layers=[layer])
    shown = text_of(build_html(page(gather(records.registry, record, records.home))))
    assert "nginx cached hit nothing changed" in shown


@pytest.mark.parametrize("damage", ["missing", "damaged", "no log"])
def test_what_is_missing_is_said_and_the_rest_is_shown(records: Records, damage: str) -> None:
    record = records.build("part", log=None if damage == "no log" else "PLAY [x]\n")
    path = records.home / "builds" / record.id / "result.json"
    if damage == "missing":
        path.unlink()
    elif damage == "damaged":
        path.write_text('{"schema": 1, "layers": "none"')
    shown = text_of(build_html(page(gather(records.registry, record, records.home))))
    assert ("log is not shown" if damage == "no log" else "Layers are not shown") in shown
    assert "package-002" in shown and "Package: bash" in shown, "the registry has them"


def test_compliance_is_known_without_the_file(records: Records) -> None:
    record = records.build("registry", compliance=(ControlResult("x", "failed", "It holds", "", {"cis": "5.1.1"}),))
    (records.home / "builds" / record.id / "result.json").unlink()
    shown = page(gather(records.registry, record, records.home)).compliance
    assert shown and shown.chapters[0].title == "Access control"


def test_what_was_patched_and_which_vulnerabilities_remain_is_told(records: Records) -> None:
    record = records.build("patched")
    row = {"cve": "CVE-2026-0001", "source": "openssl", "urgency": "high", "fixed_in": "3.0.20-1"}
    upgraded = [{"name": "openssl", "arch": "amd64", "from": "3.0.15-1", "to": "3.0.20-1"}]
    patching = {"mode": "full", "upgraded": upgraded, "cves": {"fixed": [], "remaining": [row]}, "removed": []}
    evidence = {"sbom": Evidence("/builds/x/sbom.cdx.json", "abc", "application/vnd.cyclonedx+json")}
    records.registry.attach(record.id, evidence, patching=patching)
    shown = text_of(build_html(page(gather(records.registry, record, records.home))))
    assert "Patching full 1 upgraded" in shown
    assert "CVEs that remain 1 CVE Package Urgency Fixed in CVE-2026-0001 openssl high 3.0.20-1" in shown
    assert "sbom /builds/x/sbom.cdx.json sha256 abc" in shown


def test_patching_without_vulnerabilities_and_with_keys_of_another_version_is_told(records: Records) -> None:
    record = records.build("patched-plainly")
    records.registry.attach(record.id, patching={"mode": "none", "cves": None, "held": []})
    shown = text_of(build_html(page(gather(records.registry, record, records.home))))
    assert "everything was up to date" in shown and "CVEs were not asked for" in shown


def test_a_build_that_runs_is_shown_as_far_as_it_came(records: Records) -> None:
    version = records.registry.new_version("running", "sha256:x")
    number = "20261122T130000-0000ffff"
    records.registry.start_build(version, number, platform="debian-12", target="docker", spec="web.yml")
    shown = text_of(build_html(page(gather(records.registry, records.registry.find_build(number), records.home))))
    assert "running" in shown and "still runs" in shown


def test_of_a_long_log_the_end_is_shown_without_colours(records: Records) -> None:
    lines = [f"\x1b[0;32mline {number}\x1b[0m" for number in range(5000)]
    shown = made(records, log="\n".join(lines)).sources.log
    assert shown and not shown.whole
    assert shown.text.splitlines()[0] == "line 4600" and shown.text.endswith("line 4999")


def test_a_failure_outside_of_any_phase_is_told(records: Records) -> None:
    shown = made(records, status="failed", artifact=None, failure=Failure(message="its base was not built"))
    assert "Failed its base was not built" in text_of(build_html(shown))


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(records: Records) -> None:
    html = build_html(made(records))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "default-src &#39;none&#39;" in policy[1]
    assert " style=" not in html and " onclick=" not in html, "the policy would refuse them"


def entry(records: Records, **given: object) -> Entry:
    record = records.build(**given)
    good = record if record.state == "built" else None
    return Entry(record, good, None, "x.html")


@pytest.mark.parametrize(("days", "tone"), [(0, "good"), (29, "good"), (30, "warn"), (89, "warn"), (90, "bad")])
def test_an_image_ages(records: Records, days: int, tone: str) -> None:
    assert entry(records).freshness(NOON + timedelta(days=days)) == tone


def test_the_index_counts_what_failed_and_what_is_old(records: Records) -> None:
    index = Index(
        (entry(records, name="a"), entry(records, name="b", status="failed", artifact=None), entry(records, name="a"))
    )
    assert (index.images, index.failed(), index.ageing(NOON)) == (2, 1, 1)
    assert [one.number for one in index.filters(NOON)] == [1, 2]
    assert "3 images from 2 specs" in text_of(index_html(index, NOON))


def test_the_index_shows_the_last_good_version_beside_a_newer_one_that_failed(records: Records, tmp_path: Path) -> None:
    records.build("again")
    newest = records.build("again", status="failed", artifact=None)
    all_pages(records.registry, records.home, tmp_path / "index.html", now=NOON)
    html = (tmp_path / "index.html").read_text()
    (line,) = [one for one in html.split("<tr ") if f'href="{newest.id}.html"' in one]
    assert "again debian-12 / docker failed 2 good: 1" in text_of(f"<tr {line}")
    assert (tmp_path / f"{newest.id}.html").exists()


def finding(state: State, name: str, **given: object) -> Finding:
    return Finding(Running("container", "local engine", name, "web:1", ("sha256:1",)), state, **given)


def test_what_is_out_of_date_and_what_runs_is_shown_from_what_plan_and_fleet_printed(
    goldsmith: Callable[..., Result], records: Records, tmp_path: Path
) -> None:
    record = records.build("surveyed")
    updates = [
        {"package": "openssl", "installed": "3.0.15", "candidate": "3.0.20", "security": True, "cves": ["CVE-2026-1"]}
    ]
    packages = {"judged": 3, "outdated": 1, "security": 1, "cves": {"CVE-2026-1": "high"}, "updates": updates}
    reasons = [{"kind": "packages", "text": "1 package is out of date, 1 of them security", "details": {}}]
    verdict = {"build": record.label, "state": "rebuild", "reasons": reasons, "notes": ["a note"], "packages": packages}
    (tmp_path / "plan.json").write_text(json.dumps([verdict]))
    findings = (
        finding("revoked", "bad-1", reason="a key was left in it", behind=Behind(2, 1)),
        finding("approved", "good-1"),
    )
    unreached = (Unreached("hosts", "web-9", "Connection refused"),)
    surveyed = survey_document(Survey("production", NOON, findings, unreached, 0))
    (tmp_path / "fleet.json").write_text(json.dumps(surveyed))

    given = ("--plan", tmp_path / "plan.json", "--fleet", tmp_path / "fleet.json")
    done = goldsmith("--all", "-o", tmp_path / "index.html", *given)

    assert done.exit_code == 0, done.output
    index = text_of((tmp_path / "index.html").read_text())
    assert "1 to build anew 1 with updates" in index and "rebuild 1 update , 1 security" in index
    assert "1 revoked 1 approved" in index
    assert "a key was left in it; 2 packages and 1 CVE behind" in index
    assert "Not asked: hosts web-9: Connection refused" in index
    built = text_of((tmp_path / f"{record.id}.html").read_text())
    assert "Out of date rebuild 1 package is out of date, 1 of them security a note" in built
    assert "openssl security 3.0.15 3.0.20 CVE-2026-1" in built
    newer = records.build("surveyed", status="failed", artifact=None)
    goldsmith(newer.id, "-o", tmp_path / "newer.html", "--plan", tmp_path / "plan.json")
    assert "3.0.20" not in (tmp_path / "newer.html").read_text(), "it is said of the image that is there"


def test_channels_and_revocations_are_shown_where_they_count(records: Records, tmp_path: Path) -> None:
    first, second = records.build("trusted"), records.build("trusted")
    records.registry.promote("trusted@1", "staging")
    records.registry.promote("trusted@2", "production")
    records.registry.revoke("trusted@1", reason="a key was left in it")
    pages = [text_of(build_html(page(gather(records.registry, one, records.home)))) for one in (first, second)]
    assert "trusted 1 built staging" in pages[0] and "a key was left in it" in pages[0]
    assert "trusted 2 built production" in pages[1] and "Revoked" not in pages[1]
    all_pages(records.registry, records.home, tmp_path / "index.html", now=NOON)
    index = text_of((tmp_path / "index.html").read_text())
    assert "trusted debian-12 / docker built 2 production 2 staging 1" in index
    records.registry.revoke("trusted@2", reason="as well")
    all_pages(records.registry, records.home, tmp_path / "index.html", now=NOON)
    assert "trusted debian-12 / docker built revoked 2" in text_of((tmp_path / "index.html").read_text())


def test_lineage_goes_from_the_base_to_what_was_built_on_it(records: Records) -> None:
    base = records.build("ground")
    source = Source(id=base.artifacts[0].identity, reference="ground:1", kind="from")
    above = records.build("floor", source=source)
    for record, order in (
        (base, "ground@1 debian-12/docker this build"),
        (above, "floor@1 debian-12/docker this build"),
    ):
        shown = text_of(build_html(page(gather(records.registry, record, records.home))))
        lineage = shown[shown.index("Lineage debian:12") : shown.index("Record Spec")]
        assert order in lineage
        assert lineage.index("debian:12") < lineage.index("ground@1") < lineage.index("floor@1")


@pytest.mark.parametrize("option", ["--plan", "--fleet"])
@pytest.mark.parametrize("text", ["", "[1]", '{"channel": 1}', "[{}]"])
def test_a_file_that_is_of_something_else_is_refused_by_name(
    goldsmith: Callable[..., Result], tmp_path: Path, option: str, text: str
) -> None:
    (tmp_path / "other.json").write_text(text)
    done = goldsmith("--all", "-o", tmp_path / "index.html", option, tmp_path / "other.json")
    assert (done.exit_code, f"other.json is not what goldsmith {option[2:]} --json prints" in done.output) == (2, True)
    done = goldsmith("--all", "-o", tmp_path / "index.html", option, tmp_path / "nothing.json")
    assert (done.exit_code, "nothing.json cannot be read" in done.output) == (2, True)


def test_an_index_of_nothing_says_so() -> None:
    assert "No image is recorded yet" in index_html(Index(()))


@pytest.fixture
def goldsmith(records: Records, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("GOLDSMITH_HOME", str(records.home))
    return lambda *arguments: CliRunner().invoke(cli.main, ["report", *map(str, arguments)])


def test_a_build_is_reported_by_its_label_and_all_are_with_all(
    goldsmith: Callable[..., Result], records: Records, tmp_path: Path
) -> None:
    record = records.build("cli")
    done = goldsmith("cli/debian-12/docker", "-o", tmp_path / "report.html")
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/report.html: build {record.id} of {record.label}\n")
    done = goldsmith("--all", "-o", tmp_path / "all" / "index.html", "--json")
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert told["file"] == str(tmp_path / "all" / "index.html")
    assert len(list((tmp_path / "all").glob("*.html"))) == told["builds"] + 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "x.html"], 2, "name a BUILD, or --all"),
        (["web", "--all", "-o", "x.html"], 2, "name a BUILD, or --all"),
        (["nothing/here/docker", "-o", "x.html"], 2, "no build 'nothing/here/docker' is recorded"),
        (["cli/debian-12/docker", "-o", "/proc/x.html"], 3, "/proc/x.html cannot be written"),
        (["cli/debian-12/docker"], 2, "Missing option '-o'"),
    ],
)
def test_what_cannot_be_reported_is_told(
    goldsmith: Callable[..., Result], records: Records, arguments: list[str], code: int, said: str
) -> None:
    records.build("cli")
    done = goldsmith(*arguments)
    assert (done.exit_code, said in done.output) == (code, True), done.output


def test_the_same_record_gives_the_same_page(records: Records, tmp_path: Path) -> None:
    record = records.build("same")
    for name in "ab":
        build_page(records.registry, record, records.home, tmp_path / name)
    clock = re.compile(r"on \d{4}-\d\d-\d\d \d\d:\d\d UTC|[^>]*ago")
    first, second = (clock.sub("", (tmp_path / name).read_text()) for name in "ab")
    assert first == second
