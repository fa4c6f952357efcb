"""Cells of tables: numbers as they are written, and letters for what is missing.

A number that is missing shows a letter, and the note below the table gives the
reason that the letter stands for; it is never a 0 or a blank.
"""

from __future__ import annotations

from collections.abc import Sequence

from equivoice.reports.document import Cell
from equivoice.reports.formatting import (
    capital,
    count,
    level,
    p_floor,
    p_value,
    percent,
    signed,
    why_briefly,
)
from equivoice.reports.rows import Estimate, pick, repeated
from equivoice.reports.wording import metric, term

__all__ = [
    "ALL_READ",
    "Reasons",
    "all_read",
    "bracketed",
    "counted",
    "counted_noun",
    "coverage_cell",
    "heading",
    "interval_cell",
    "left_out_cell",
    "level_heading",
    "p_cells",
    "spread_cells",
    "spread_headings",
    "value_cell",
    "written",
]

_SPREADS = (
    ("sd_folds", "Spread over folds"),
    ("sd_runs", "Spread over runs"),
    ("sd_orders", "Spread over label orders"),
)
ALL_READ = "all read"
"""In place of an interval, where every answer could be read: nothing is missing there."""


class Reasons:
    """The reasons for what is missing in one table, each with a letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, reason: str | None) -> str:
        """The letter of a reason; a new one where it is not known yet."""
        told = why_briefly(reason)
        return self._letters.setdefault(told, _letters(len(self._letters)))

    @property
    def note(self) -> str:
        """All letters with their reasons, as the note below the table."""
        return "; ".join(f"({sign}) {reason}" for reason, sign in self._letters.items())

    def cell(self, text: str | None, estimate: Estimate, *, what: str = "not defined") -> Cell:
        """The text as a number, or what is missing with its letter."""
        if text is not None:
            return Cell(text, number=True)
        if estimate.undefined is None and what != "not defined":
            return Cell("not given", quiet=True)
        return Cell(f"{what} ({self.letter(estimate.undefined)})", quiet=True)


def _letters(position: int) -> str:
    return chr(ord("a") + position % 26) * (position // 26 + 1)


def written(estimate: Estimate, value: float | None, *, difference: bool = False) -> str | None:
    """A value as its metric is written: times 100, or as plain ratio; ``None`` stays.

    Example:
        >>> written(Estimate("score", "macro_f1"), 0.5)
        '50.0'
        >>> written(Estimate("pair_gap", "treatment_equality"), -0.5, difference=True)
        '−0.50'
    """
    if value is None:
        return None
    if term(estimate.metric).percent:
        return signed(value) if difference else percent(value)
    digits = term(estimate.metric).digits
    text = f"{value:+.{digits}f}" if difference else f"{value:.{digits}f}"
    return text.replace("-", "−")


def bracketed(row: Estimate, *, difference: bool = False) -> str | None:
    """The interval of an estimate as its metric is written; ``None`` where there is none.

    Example:
        >>> bracketed(Estimate("score", "recall_sum", low=4.0, high=5.0))
        '[4.00, 5.00]'
    """
    low = written(row, row.low, difference=difference)
    high = written(row, row.high, difference=difference)
    return None if low is None or high is None else f"[{low}, {high}]"


def all_read(row: Estimate) -> bool:
    """Whether a row is a coverage of all answers, which has no interval and needs none.

    Example:
        >>> all_read(Estimate("score", "coverage", value=1.0))
        True
    """
    of_answers = row.metric == "coverage" and row.quantity in ("score", "group_score")
    return of_answers and row.value == 1 and not row.has_interval


def interval_cell(row: Estimate, reasons: Reasons, *, difference: bool = False) -> Cell:
    """The interval of an estimate; a letter with the reason where there is none."""
    if all_read(row):
        return Cell(ALL_READ, quiet=True)
    return reasons.cell(bracketed(row, difference=difference), row, what="none")


def value_cell(found: Sequence[Estimate], reasons: Reasons, *, difference: bool = False) -> Cell:
    """The first of some estimates with its interval below; letters for what is missing."""
    if not found:
        return Cell("not given", quiet=True)
    row = found[0]
    value = written(row, row.value, difference=difference)
    if value is None:
        return reasons.cell(None, row)
    ends = bracketed(row, difference=difference)
    return Cell(value, number=True, small=ends or f"no interval ({reasons.letter(row.undefined)})")


def left_out_cell(row: Estimate, reasons: Reasons) -> Cell:
    """What was left out of a number, as a letter that the note below the table explains."""
    lost = "; ".join(f"{count(number)} {why}" for why, number in row.left_out.items())
    return Cell(f"see ({reasons.letter(lost)})" if lost else "nothing", quiet=True)


def counted(number: int | None) -> Cell:
    """A count; what was not given says so."""
    return Cell("not given", quiet=True) if number is None else Cell(count(number), number=True)


def p_cells(row: Estimate) -> tuple[Cell, Cell]:
    """The p-value of a test and its floor; an estimate without a test says so."""
    if row.p_value is None:
        return Cell("not tested", quiet=True), Cell("not tested", quiet=True)
    floor = Cell("not given", quiet=True)
    if row.p_floor is not None:
        floor = Cell(p_floor(row.p_floor), number=True)
    return Cell(p_value(row.p_value), number=True), floor


def coverage_cell(row: Estimate, rows: Sequence[Estimate]) -> Cell:
    """The coverage that belongs to a score: same group, same fold."""
    scores = pick(rows, quantity=row.quantity, metric="coverage", label=None)
    own = pick(scores, groups=row.groups, fold=row.fold)
    if not own or own[0].value is None:
        return Cell("not given", quiet=True)
    return Cell(percent(own[0].value), number=True)


def level_heading(rows: Sequence[Estimate]) -> str:
    """The level of the intervals as part of a heading; empty where they differ."""
    levels = {level(row) for row in rows if row.level is not None}
    return f"{levels.pop()} " if len(levels) == 1 else ""


def heading(name: str) -> str:
    """The heading of a column of this metric, with its unit.

    Example:
        >>> heading("accuracy"), heading("kld"), heading("recall_sum")
        ('Accuracy, %', 'KL divergence, nats', 'Sum of recalls')
    """
    given = "%" if term(name).percent else term(name).unit
    return f"{capital(metric(name))}{', ' if given else ''}{given}"


def counted_noun(rows: Sequence[Estimate]) -> str:
    """What was counted: answers where an utterance was answered several times, else utterances.

    Example:
        >>> counted_noun([Estimate("score", "accuracy", run="all")])
        'Answers'
    """
    return "Answers" if any(repeated(row) for row in rows) else "Utterances"


def spread_headings(rows: Sequence[Estimate]) -> tuple[str, ...]:
    """The headings of those spreads that any row has; over folds always."""
    return tuple(
        heading
        for name, heading in _SPREADS
        if name == "sd_folds" or any(getattr(row, name) is not None for row in rows)
    )


def spread_cells(row: Estimate, rows: Sequence[Estimate]) -> tuple[Cell, ...]:
    """The spreads of a row, one cell under each of :func:`spread_headings`."""
    shown = spread_headings(rows)
    cells = []
    for name, heading in _SPREADS:
        if heading in shown:
            text = written(row, getattr(row, name))
            missing = Cell("not given", quiet=True)
            cells.append(missing if text is None else Cell(text, number=True))
    return tuple(cells)
