"""What the judges say, read from the reports they write."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field

HOST_RULES = ("prefer_64bit_os",)
"""Rules that look at the kernel of the machine that runs the container: no image can meet them, or fail them."""

_XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
_PREFIX = "xccdf_org.ssgproject.content_rule_"
_IGNORED = {"notapplicable", "notselected", "notchecked", "informational"}
_MET = {"pass", "fixed"}


@dataclass(frozen=True)
class Rule:
    """A rule of OpenSCAP's that was judged.

    Attributes:
        id: As in the benchmark, without the prefix that all of them have.
        result: XCCDF's word: ``pass``, ``fail``, ``notapplicable``, ``notchecked``, ``error``, ``unknown``.
    """

    id: str
    title: str
    severity: str
    result: str


@dataclass(frozen=True)
class OpenScap:
    """What OpenSCAP found.

    Attributes:
        rules: Every rule of the profile, in the benchmark's order.
        score: Of 100, by XCCDF's default scheme: groups are averaged, so that some rules weigh far more than others.
        score_of_image: The same without `HOST_RULES`.
    """

    rules: tuple[Rule, ...]
    score: float
    score_of_image: float

    @property
    def counts(self) -> Counter[str]:
        """Number of rules by result."""
        return Counter(rule.result for rule in self.rules)

    @property
    def unmet(self) -> list[Rule]:
        """The rules that apply and are not met, or could not be judged."""
        return [rule for rule in self.rules if rule.result not in _MET | {"notapplicable", "notselected"}]


@dataclass(frozen=True)
class Finding:
    """A warning or a suggestion of lynis."""

    test: str
    text: str


@dataclass(frozen=True)
class Points:
    """What a test of lynis gave, where that is not all it could."""

    test: str
    title: str
    given: int
    possible: int


@dataclass(frozen=True)
class Lynis:
    """What lynis found.

    Attributes:
        index: Its hardening index, of 100: the points given for each test by the points possible.
    """

    index: int
    tests: int
    warnings: tuple[Finding, ...]
    suggestions: tuple[Finding, ...]
    points_lost: tuple[Points, ...]


@dataclass(frozen=True)
class Verdict:
    """What both judges say of one image; ``openscap`` is None where there are no rules for its system."""

    lynis: Lynis
    openscap: OpenScap | None = field(default=None)


def read_openscap(report: str) -> OpenScap:
    """Read what ``oscap xccdf eval --results`` wrote.

    Raises:
        ValueError: it is no report, or this module counts another score than OpenSCAP does.
    """
    root = ET.fromstring(report)  # noqa: S314 - OpenSCAP, as it is brought here, has just written it
    result = root.find(f".//{_XCCDF}TestResult")
    if result is None:
        msg = "no TestResult is in OpenSCAP's report"
        raise ValueError(msg)
    results = {each.get("idref", ""): each for each in result.iter(f"{_XCCDF}rule-result")}
    titles = {
        rule.get("id", ""): " ".join(rule.findtext(f"{_XCCDF}title", "").split()) for rule in root.iter(f"{_XCCDF}Rule")
    }
    outcome = {name: each.findtext(f"{_XCCDF}result", "") for name, each in results.items()}
    told = float(result.findtext(f"{_XCCDF}score", "nan"))
    score = _score(root, outcome)
    if not abs(score - told) <= 0.01:  # also when there is none
        msg = f"OpenSCAP's score is {told:.2f}, and by the same scheme {score:.2f} is counted here"
        raise ValueError(msg)
    of_image = {
        name: "notapplicable" if name.removeprefix(_PREFIX) in HOST_RULES else was for name, was in outcome.items()
    }
    return OpenScap(
        rules=tuple(
            Rule(name.removeprefix(_PREFIX), titles.get(name, ""), each.get("severity", "unknown"), outcome[name])
            for name, each in results.items()
        ),
        score=score,
        score_of_image=_score(root, of_image),
    )


def _score(root: ET.Element, outcome: dict[str, str]) -> float:
    benchmark = root if root.tag == f"{_XCCDF}Benchmark" else root.find(f".//{_XCCDF}Benchmark")
    score = None if benchmark is None else _average(benchmark, outcome)
    return 0.0 if score is None else score


def _average(element: ET.Element, outcome: dict[str, str]) -> float | None:
    """Count an element's score; None when nothing in it applies."""
    if element.tag == f"{_XCCDF}Rule":
        was = outcome.get(element.get("id", ""), "notselected")
        return None if was in _IGNORED else 100.0 * (was in _MET)
    total = weights = 0.0
    for child in element:
        if child.tag in {f"{_XCCDF}Group", f"{_XCCDF}Rule"} and (score := _average(child, outcome)) is not None:
            weight = float(child.get("weight", "1"))
            total, weights = total + score * weight, weights + weight
    return total / weights if weights else None


def read_lynis(report: str, log: str) -> Lynis:
    """Read the report and the log that lynis wrote.

    Raises:
        ValueError: it has not come to its end.
    """
    values: dict[str, str] = {}
    findings: dict[str, list[Finding]] = {"warning": [], "suggestion": []}
    for line in report.splitlines():
        key, _, value = line.partition("=")
        values[key] = value
        if (kind := key.removesuffix("[]")) in findings and key != kind:
            test, text, *_ = [*value.split("|"), ""]
            findings[kind].append(Finding(test, text))
    if not values.get("hardening_index", "").isdigit():
        msg = "no hardening index is in lynis's report"
        raise ValueError(msg)
    return Lynis(
        index=int(values["hardening_index"]),
        tests=int(values.get("lynis_tests_done", "0")),
        warnings=tuple(findings["warning"]),
        suggestions=tuple(findings["suggestion"]),
        points_lost=tuple(_points_lost(log)),
    )


def _points_lost(log: str) -> list[Points]:
    test = title = ""
    lost: dict[str, Points] = {}
    for line in log.splitlines():
        if found := re.search(r"Performing test ID (\S+) \((.*)\)", line):
            test, title = found.groups()
        elif found := re.search(r"assigned partial number of hardening points \((\d+) of (\d+)\)", line):
            before = lost.get(test, Points(test, title, 0, 0))
            given, possible = (int(number) for number in found.groups())
            lost[test] = Points(test, title, before.given + given, before.possible + possible)
    return list(lost.values())
