"""Verdict and main table in the terminal."""

from __future__ import annotations

import io

import polars as pl
import pytest
from rich.console import Console, RenderableType

from equivoice.records import ESTIMATES
from equivoice.reports import ReportInputs, main_table, verdict_lines
from equivoice.reports.wording import CAUSES


def shown(renderable: RenderableType, width: int = 100) -> str:
    """What a terminal of this width would show."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def flat(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def test_the_table_has_scores_groups_and_the_signed_gap(inputs: ReportInputs) -> None:
    text = shown(main_table(inputs.estimates))
    for word in ("macro-F1", "coverage", "macro-F1, female − male", "95% interval", "speakers"):
        assert word in text
    value = inputs.estimates.filter(
        (pl.col("quantity") == "pair_gap")
        & (pl.col("metric") == "macro_f1")
        & (pl.col("fold") == "all")
    )["value"][0]
    assert f"{value * 100:+.1f}".replace("-", "−") in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_the_terminal(inputs: ReportInputs, width: int) -> None:
    text = shown(main_table(inputs.estimates), width) + shown(
        verdict_lines(inputs.estimates), width
    )
    assert max(len(line) for line in text.splitlines()) <= width


def test_the_verdict_marks_what_is_supported_by_a_sign(inputs: ReportInputs) -> None:
    text = shown(verdict_lines(inputs.estimates))
    assert "✓ Macro-F1 is" in text
    assert flat(text).endswith(CAUSES)


def test_several_systems_are_told_apart(two_systems: ReportInputs) -> None:
    for text in (
        shown(main_table(two_systems.estimates)),
        shown(verdict_lines(two_systems.estimates)),
    ):
        assert "acoustic on ravdess" in text
        assert "prior on ravdess" in text


def test_comparisons_are_rows_of_their_own() -> None:
    row = {"quantity": "comparison", "metric": "macro_f1", "system": "a − b", "value": 0.04}
    text = shown(main_table(pl.DataFrame([row, row | {"metric": "coverage"}])))
    assert "macro-F1, a − b" in text
    assert "+4.0" in text
    assert "coverage" not in text


def test_what_is_undefined_says_why() -> None:
    row = {"quantity": "score", "metric": "accuracy", "undefined": "no predictions"}
    assert "not defined: no predictions" in shown(main_table(pl.DataFrame([row])))


def test_square_brackets_of_names_are_not_markup() -> None:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 3}
    rows = [row | {"system": "[bold]x[/bold]"}, row | {"system": "[/nonsense]"}]
    frame = pl.DataFrame(rows)
    assert "[bold]x[/bold]" in shown(main_table(frame))
    assert "[/nonsense]" in shown(verdict_lines(frame))


def test_nothing_is_printed(inputs: ReportInputs, capsys: pytest.CaptureFixture[str]) -> None:
    main_table(inputs.estimates)
    verdict_lines(inputs.estimates)
    assert capsys.readouterr().out == ""


def test_an_empty_table_is_shown_empty() -> None:
    assert main_table(ESTIMATES.empty()).row_count == 0
