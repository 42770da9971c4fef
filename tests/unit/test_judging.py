"""What the judges of scripts/judge.py say is read, and counted as they count."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

XCCDF = "http://checklists.nist.gov/xccdf/1.2"
PREFIX = "xccdf_org.ssgproject.content_rule_"


@pytest.fixture(scope="module")
def verdicts() -> ModuleType:
    file = Path(__file__).parents[2] / "scripts/judging/verdicts.py"
    spec = importlib.util.spec_from_file_location("verdicts_of_judges", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def report(score: float, **results: str) -> str:
    """A benchmark of two groups, of which the first holds all rules but `alone`."""
    rule = "<Rule id='{0}{1}'><title>Title\n of {1}</title></Rule>"
    grouped = "".join(rule.format(PREFIX, name) for name in results if name != "alone")
    told = "".join(
        f"<rule-result idref='{PREFIX}{name}' severity='medium'><result>{was}</result></rule-result>"
        for name, was in results.items()
    )
    return (
        f"<Benchmark xmlns='{XCCDF}'><Group>{grouped}</Group><Group>{rule.format(PREFIX, 'alone')}</Group>"
        f"<TestResult>{told}<score>{score}</score></TestResult></Benchmark>"
    )


def test_openscaps_score_averages_groups_and_leaves_out_what_does_not_apply(verdicts: ModuleType) -> None:
    found = verdicts.read_openscap(report(75, one="pass", two="fail", three="notapplicable", alone="pass"))
    assert found.score == 75
    assert found.counts == {"pass": 2, "fail": 1, "notapplicable": 1}
    assert [(rule.id, rule.title, rule.severity) for rule in found.unmet] == [("two", "Title of two", "medium")]


def test_the_images_score_is_counted_without_what_only_the_host_decides(verdicts: ModuleType) -> None:
    found = verdicts.read_openscap(report(25, one="pass", alone="fail", prefer_64bit_os="fail"))
    assert (found.score, found.score_of_image) == (25, 50)


@pytest.mark.parametrize("told", [74, float("nan")])
def test_a_score_that_openscap_does_not_tell_is_refused(verdicts: ModuleType, told: float) -> None:
    with pytest.raises(ValueError, match="OpenSCAP's score is"):
        verdicts.read_openscap(report(told, one="pass", two="fail", alone="pass"))


def test_lynis_tells_its_index_its_findings_and_where_points_were_lost(verdicts: ModuleType) -> None:
    log = """
2026-01-01 Performing test ID AUTH-1 (Check one)
2026-01-01 Hardening: assigned partial number of hardening points (9 of 10). Currently having 9 points (out of 10)
2026-01-01 Hardening: assigned partial number of hardening points (0 of 2). Currently having 9 points (out of 12)
2026-01-01 Performing test ID AUTH-2 (Check two)
2026-01-01 Hardening: assigned maximum number of hardening points for this item (3). Currently having 12 points
"""
    report = (
        "lynis_tests_done=2\nsuggestion[]=AUTH-1|Do this|-|-|\nwarning[]=AUTH-2|Mind that|-|-|\nhardening_index=80\n"
    )
    found = verdicts.read_lynis(report, log)
    assert (found.index, found.tests) == (80, 2)
    assert [(each.test, each.text) for each in (*found.warnings, *found.suggestions)] == [
        ("AUTH-2", "Mind that"),
        ("AUTH-1", "Do this"),
    ]
    assert found.points_lost == (verdicts.Points("AUTH-1", "Check one", 9, 12),)


def test_a_lynis_that_has_not_come_to_its_end_is_no_verdict(verdicts: ModuleType) -> None:
    with pytest.raises(ValueError, match="no hardening index"):
        verdicts.read_lynis("lynis_tests_done=2\n", "")
