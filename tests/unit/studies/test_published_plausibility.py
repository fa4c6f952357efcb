"""The third paper's tests with people and its judge: printed, recomputed, and in the docs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from architecture.source import ROOT
from equivoice.studies.published.plausibility import (
    Printed,
    load_plausibility,
    markdown,
    recomputed,
)


def test_the_printed_counts_round_to_the_printed_shares() -> None:
    printed = load_plausibility()
    assert [each.count for each in printed.people] == [221, 127]
    assert sum(each.count for each in printed.conditions) == 221
    raw = printed.model_dump()
    raw["people"][0]["count"] = 220
    with pytest.raises(ValidationError, match="is not"):
        Printed.model_validate(raw)


def test_test_two_does_not_exclude_one_half_once_items_may_differ() -> None:
    """Printed: [30.2, 49.2]. Over items the interval may reach past 50 %."""
    two = recomputed()[1]
    assert two.printed.high < 0.5 < two.widest[1]


def test_the_judges_intervals_are_shorter_than_the_pairs_described_would_give() -> None:
    rows = [line for line in markdown().splitlines() if "against" in line]
    assert len(rows) == 2
    for row in rows:
        few = int(row.split("|")[4].split()[0])
        assert few > 400
        assert "at most 400" in row


def test_the_documentation_shows_these_tables() -> None:
    page = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    for line in markdown().splitlines():
        assert line in page
