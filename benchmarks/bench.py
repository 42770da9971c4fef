#!/usr/bin/env python3
"""Compares what makes the same image: Goldsmith, plain Ansible, Packer, and a shell script as the floor.

Everything is measured in this one run, in turns, on this machine. Tables and charts are written to build/bench; with
--write they also replace what docs/performance.md has between its marks.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import scaling
from alike import differences
from builders import PACKER, Builder, Workshop, docker, ec2, parallel
from chart import chart, table
from measure import Broken, alternate, median

from goldsmith.lab.client import running

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs" / "performance.md"
MARKS = ("<!-- make bench -->", "<!-- end of make bench -->")
PARTS = ("docker", "ec2", "parallel", "layers", "plans", "records")


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  a command talks


def machine() -> str:
    """Return what the numbers were taken on and with."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))) / 2**20
    engine = _first("docker", "version", "--format", "{{.Server.Version}}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("goldsmith", "ansible-core", "mitogen"))
    packer = f", Packer {_first(PACKER, 'version').removeprefix('Packer v')}" if Path(PACKER).exists() else ""
    return (
        f"{os.cpu_count()} processors ({model or platform.machine()}), {memory:.0f} GiB; {packages}, "
        f"Python {platform.python_version()}, Docker {engine}{packer}; load {os.getloadavg()[0]:.1f} at the start."
    )


def compare(title: str, builders: Mapping[str, Builder], rounds: int, output: Path, *, ratio: bool = False) -> str:
    """Measure builders in turns; write the chart, and return the table, and how the last compares to the first."""
    taken = alternate(builders, rounds, say)
    middle = {name: median(values) for name, values in taken.items()}
    (output / f"{title}.svg").write_text(chart(f"{title}: seconds, median of {rounds}", middle))
    rows = [[name, f"{middle[name]:.2f}", f"{min(values):.2f}", f"{max(values):.2f}"] for name, values in taken.items()]
    text = f"![{title}](performance-{title}.svg)\n\n" + table([title, "median, s", "least", "most"], rows)
    if ratio:
        first, last = next(iter(middle)), next(reversed(middle))
        text += f"\n{last}: {middle[last] / middle[first]:.2f} times as long as {first}.\n"
    return text


def judged(images: Mapping[str, str]) -> list[str]:
    """Return what the comparison of two or more images says.

    Raises:
        Broken: They differ, so that their times cannot be compared.
    """
    if len(images) < 2:
        return []
    if found := differences(images):
        raise Broken("\n".join(["the builders did not make the same image:", *found[:20]]))
    return [f"The images of {', '.join(images)} are alike: kind, mode, owner, link and content of each file.\n"]


def measured(parts: Sequence[str], only: str, rounds: int, output: Path) -> list[str]:
    """Return the tables of the parts that are asked for.

    Raises:
        Broken: A builder failed.
    """
    shop = Workshop(output)
    shop.base()
    tables = []

    def chosen(builders: Mapping[str, Builder]) -> dict[str, Builder]:
        there = Path(PACKER).exists()
        return {
            name: builder
            for name, builder in builders.items()
            if only.lower() in name.lower() and (there or "Packer" not in name)
        }

    try:
        if "docker" in parts:
            tables.append(compare("Docker", chosen(docker(shop)), rounds, output))
            tables += judged(shop.images())
        if "ec2" in parts:
            with running(output / "lab") as lab:
                tables.append(compare("EC2", chosen(ec2(shop, lab)), rounds, output))
        if "parallel" in parts:
            tables.append(compare("Parallel", chosen(parallel(shop)), rounds, output, ratio=True))
        tables += [getattr(scaling, part)(shop, rounds, say) for part in PARTS[3:] if part in parts]
    finally:
        shop.clean()
    return tables


def main() -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only builders whose name has TEXT in it")
    parser.add_argument("--write", action="store_true", help="put the results into docs/performance.md as well")
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"{unknown[0]} is none of {', '.join(PARTS)}")
    output = TOP / "build" / "bench"
    shutil.rmtree(output / "home", ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    about = machine()
    say(about)
    try:
        tables = measured(options.parts or PARTS, options.only, options.rounds, output)
    except Broken as fault:
        say(str(fault))
        return 1
    text = "\n".join([f"{about}\n", *tables])
    (output / "results.md").write_text(text)
    print(text)  # noqa: T201  the results are its output
    if options.write:
        _write(text, output)
    return 0


def _write(text: str, output: Path) -> None:
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")
    for file in output.glob("*.svg"):
        shutil.copy(file, PAGE.with_name(f"performance-{file.name}"))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _first(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["?"])[0]


if __name__ == "__main__":
    sys.exit(main())
