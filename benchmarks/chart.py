"""Results as a table of Markdown and as a chart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

BAR, GAP, LEFT, WIDTH, RIGHT, EDGE = 22, 10, 250, 460, 70, 12
FONT = 'font-family="sans-serif" font-size="13" fill="#888"'


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first are numbers."""
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def chart(title: str, seconds: Mapping[str, float]) -> str:
    """Return horizontal bars as SVG, which reads on white and on black.

    Args:
        title: What is compared.
        seconds: Length of each bar, by name.
    """
    longest = max(seconds.values())
    height = 2 * EDGE + 24 + len(seconds) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" {FONT}>',
        f'<text x="{LEFT}" y="{EDGE + 10}" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(seconds.items()):
        top = EDGE + 24 + number * (BAR + GAP)
        length = max(1.0, WIDTH * value / longest)
        colour = "#2f9e77" if name.startswith("goldsmith") else "#8c96a3"
        middle = top + BAR - 7
        lines += [
            f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{middle}">{value:.1f} s</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
