"""Pages of results: the upper part by a program, the lower by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from equivoice.store.provenance import git_revision, machine

BY_HAND = "## What was found"


def origin() -> str:
    """The command, the commit and the machine that a page's numbers come from."""
    return (
        f"`python {' '.join(sys.argv)}`, commit {git_revision()}, {', '.join(machine().values())}"
    )


def write_page(path: Path, text: str) -> None:
    """Write the measured part anew; what somebody wrote from :data:`BY_HAND` on is kept."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    by_hand = before.partition(BY_HAND)[2]
    kept = f"\n{BY_HAND}{by_hand}" if by_hand else ""
    path.write_text(text.rstrip() + "\n" + kept, encoding="utf-8")
