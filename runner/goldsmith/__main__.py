"""``python -m goldsmith``."""

from __future__ import annotations

from goldsmith.cli import main

main()
