"""What can and what cannot be concluded from a chain, in sentences with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equivoice.evaluation.open_answers import FORMS
from equivoice.rationales.precision import PRECISION, SHUFFLED
from equivoice.reports.formatting import count, interval, p_value, percent, signed
from equivoice.reports.rating import rating_statements
from equivoice.reports.rows import Estimate, pick, read_estimates
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.planted import planted_faults

__all__ = ["chain_statements", "difference_in_words", "support_in_words"]


def chain_statements(chain: Chain) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can and what cannot be concluded.

    Args:
        chain: what was found on a corpus.
    """
    can: list[str] = [*_filtered(chain)]
    cannot: list[str] = []
    for form in FORMS:
        for row in pick(read_estimates(chain.ablation[form]), quantity="comparison"):
            (can if row.excludes_zero else cannot).append(difference_in_words(row, form))
    rows = read_estimates(chain.grounded.estimates)
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in pick(rows, system=system) if row.label is None]
        own = [row for row in own if row.groups is None]
        told, shown = support_in_words(own)
        if told:
            (can if shown else cannot).append(told)
    for judged in chain.judged:
        if not judged.estimates.is_empty():
            more, less = rating_statements(read_estimates(judged.estimates))
            can += more
            cannot += [text for text in less if text not in cannot]
    return tuple(can), tuple(cannot)


def difference_in_words(row: Estimate, form: str) -> str:
    """What reasons did to the score, as a sentence.

    Args:
        row: the comparison, with reasons minus without.
        form: in which both were asked.

    Example:
        >>> row = Estimate("comparison", "macro_f1", value=0.02, low=-0.01, high=0.05, n=40)
        >>> difference_in_words(row, "open")
        'Reasons changed macro-F1 in the open form by +2.0 points [−1.0, +5.0] (40 utterances): the interval contains 0, so a difference is not shown.'
    """
    start = f"Reasons changed macro-F1 in the {form} form by"
    if row.value is None:
        return f"What reasons did to macro-F1 in the {form} form is not defined: {row.undefined}."
    if row.low is None or row.high is None:
        told = f"without an interval ({row.undefined})" if row.undefined else "without an interval"
        return f"{start} {signed(row.value)} points, {told}."
    said = "excludes 0" if row.excludes_zero else "contains 0, so a difference is not shown"
    ends = interval(row.low, row.high, sign=True)
    return f"{start} {signed(row.value)} points {ends} ({count(row.n, 'utterance')}): the interval {said}."


def support_in_words(rows: Sequence[Estimate]) -> tuple[str, bool]:
    """How much of what a system claims the sound supports, beside chance; and whether it is more.

    Args:
        rows: of one system, all claims together.

    Returns:
        the sentence, empty where nothing was tested; and whether the precision is shown to
        be above that of shuffled sound (p < .05).

    Example:
        >>> support_in_words([Estimate("score", "claim_precision", system="s", value=0.75, n=8)])
        ('Of the claims of s, 75.0% (no interval) of 8 tested are supported.', False)
    """
    found = pick(rows, metric=PRECISION)
    row = found[0] if found else None
    if row is None or row.value is None:
        return "", False
    ends = "(no interval)"
    if row.low is not None and row.high is not None:
        ends = interval(row.low, row.high)
    text = f"Of the claims of {row.system}, {percent(row.value)}% {ends} of {count(row.n)} tested are supported"
    base = next((each.value for each in pick(rows, metric=SHUFFLED)), None)
    if base is None or row.p_value is None:
        return f"{text}.", False
    more = row.p_value < 0.05
    said = "more than" if more else "not shown to be more than"
    return (
        f"{text}, {said} with the sound shuffled ({percent(base)}%, p = {p_value(row.p_value)}).",
        more,
    )


def _filtered(chain: Chain) -> Iterator[str]:
    planted = planted_faults(chain.written, chain.rationales.rationales())
    if not planted.is_empty():
        total, met = (int(planted.get_column(name).sum()) for name in ("planted", "met"))
        yield (
            f"Of {count(total, 'fault')} planted in the teacher's reasons, {count(met)} became what "
            "they must: dropped by the filter that is for them, or cleaned and kept."
        )
