"""The listeners of one corpus and channel as systems: who answers, and the rows of each.

:func:`~equivoice.evaluation.listeners.listener_estimates` says what the systems are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from equivoice.annotators import (
    OtherVotes,
    expected_score_by_simulation,
    given_tables,
    half_scores,
    half_statistics,
    half_tables,
    human_system,
    left_out_credit,
    left_out_statistics,
    left_out_tables,
    listener_shares,
    plurality_shares,
    strata,
    table_statistics,
)
from equivoice.annotators.ceiling import HardRule
from equivoice.annotators.expected import ExpectedScores
from equivoice.annotators.names import HALF, LEFT_OUT, LISTENER, PLURALITY
from equivoice.evaluation.additive import Additive, Certainty, grouping_rows, overall_rows
from equivoice.evaluation.by_label import strata_grouping
from equivoice.evaluation.crowds import Crowd, crowd_items, given_codes, plain_row
from equivoice.evaluation.gap_tests import all_metrics, scalar_measures
from equivoice.evaluation.rows import Row
from equivoice.fairness import Convention, Grouping
from equivoice.metrics import (
    THRESHOLDS,
    BoolArray,
    FloatArray,
    IntArray,
    Metric,
    Unparsed,
    chosen,
    distribution_metrics,
    distribution_statistics,
    multilabel_metrics,
    multilabel_statistics,
    smoothed,
)

__all__ = ["EXPECTED_MACRO_F1", "HALVES", "Made", "People", "Questions"]

EXPECTED_MACRO_F1 = "expected_macro_f1"
"""The mean macro-F1 of sampled listeners; ``macro_f1`` is that of the expected table."""

HALVES = 50
"""How many random halves half the crowd is a mean over."""

_DRAWS = 100
_COMPARED = frozenset({"accuracy", "unweighted_accuracy", "macro_f1"})
_BY_GROUP = frozenset({"recall", "f1", "selection_rate"})
"""The metrics with a value a class that people have in groups."""

_GIVEN, _OTHERS, _OTHER_HALF = "given", "other listeners", "the other half"
_UNRATED = "utterance without vote"
_LOST = {
    _GIVEN: "reference without label",
    _OTHERS: "the other listeners give no label (expected number, within n)",
    _OTHER_HALF: "the other half gives no label (expected number, within n)",
}
_ALONE = "utterance with one vote (nobody to compare with)"

Made = Callable[[], list[Row]]


@dataclass(frozen=True)
class Questions:
    """What is asked about people.

    Args:
        rule: how the votes of others become the label of a left-out listener.
        group_by: groupings.
        other: what votes for none of the labels are.
        smoothing: ε of the distribution of the votes.
        rules: how answers become numbers.
        certainty: how intervals and tests are made.
        against_given: whether people are held against the given labels.
    """

    rule: HardRule
    group_by: tuple[str, ...]
    other: OtherVotes
    smoothing: float
    rules: Convention
    certainty: Certainty
    against_given: bool

    @cached_property
    def metrics(self) -> Mapping[Unparsed, Mapping[str, Metric]]:
        """The classification metrics under each policy for answers without a label."""
        policies = (self.rules.unparsed_in_scores, self.rules.unparsed_in_gaps)
        return {policy: all_metrics(policy, self.rules) for policy in policies}


@dataclass(frozen=True)
class _Answers:
    """People against a reference, as expected tables.

    Args:
        kind: who answers.
        reference: what answers are held against.
        tables: (n, C, C + 1) [reference, answer].
        lost: (n,) the weight without a reference.
    """

    kind: str
    reference: str
    tables: FloatArray
    lost: FloatArray


@dataclass(frozen=True)
class _Part:
    """Some columns of a table of statistics, and the metrics that finish their sums.

    Args:
        reference: what rows of it state.
        convention: and the rules or the reading.
        statistics: from (k, C) shares of the others and (k, C) of the answers to (k, S).
        metrics: by name.
        compared: the metrics with gaps.
    """

    reference: str
    convention: str
    statistics: Callable[[FloatArray, FloatArray], FloatArray]
    metrics: Mapping[str, Metric]
    compared: str


class People:
    """The listeners of one corpus and channel.

    Args:
        crowd: who they are.
        asked: what is asked about them.
        whole: whether everything is said of this channel, or only what is said of each.
    """

    def __init__(self, crowd: Crowd, asked: Questions, *, whole: bool) -> None:
        self.crowd, self.asked, self.whole = crowd, asked, whole
        self.counts = crowd.counts()
        self.voted = self.counts.totals(other=asked.other == "count") > 0
        self.groupings = (*crowd.groupings(asked.group_by), self._strata())

    def families(self) -> Iterator[Made]:
        """What can be computed apart, in the order of the rows."""
        if self.asked.against_given and (given_codes(self.crowd) >= 0).any():
            yield partial(self._labels, self._listener)
            yield partial(self._labels, self._plurality)
        yield partial(self._labels, self._left_out)
        if self.whole:
            yield self._half
            yield self._credited
            yield self._left_out_shares
            yield self._half_shares

    def _strata(self) -> Grouping:
        """Utterances by how far listeners agree: scores, and no gaps.

        Only where people are held against a given label. What a listener said is among the
        votes that make the strata: where all agree, a left-out listener is always right, and
        where no label has more than half, never, whatever people are like.
        """
        found = strata(self.counts, other=self.asked.other)
        by_name = dict(zip(self.counts.items, found, strict=True))
        return strata_grouping(self.crowd.utterances, by_name)

    # --- who answers ----------------------------------------------------------------------

    def _listener(self) -> _Answers:
        shares = listener_shares(self.counts, other=self.asked.other)
        width = len(self.counts.labels) + 1
        shares = np.pad(shares, ((0, 0), (0, width - shares.shape[1])))
        return _Answers(LISTENER, _GIVEN, *given_tables(shares, given_codes(self.crowd)))

    def _plurality(self) -> _Answers:
        shares = plurality_shares(self.counts, other=self.asked.other)
        return _Answers(PLURALITY, _GIVEN, *given_tables(shares, given_codes(self.crowd)))

    def _left_out(self) -> _Answers:
        tables = left_out_tables(self.counts, self.asked.rule, other=self.asked.other)
        return _Answers(LEFT_OUT, _OTHERS, *tables)

    # --- single labels --------------------------------------------------------------------

    def _labels(self, made: Callable[[], _Answers]) -> list[Row]:
        """Classification metrics, and the mean score of sampled listeners."""
        answers = made()
        policy = self.asked.rules.unparsed_in_scores
        metric = self.asked.metrics[policy]["macro_f1"]
        seed = self.asked.certainty.seed
        sampled = expected_score_by_simulation(
            answers.tables, metric, draws=_DRAWS, seed=seed, unparsed=policy
        )
        return self._classified(answers, sampled)

    def _half(self) -> list[Row]:
        """The same of half the crowd against the other half."""
        seed, other = self.asked.certainty.seed, self.asked.other
        half = half_tables(self.counts, self.asked.rule, draws=HALVES, seed=seed, other=other)
        policy = self.asked.rules.unparsed_in_scores
        metric = self.asked.metrics[policy]["macro_f1"]
        answers = _Answers(HALF, _OTHER_HALF, *half.tables())
        return self._classified(answers, half_scores(half, metric, unparsed=policy))

    def _classified(self, answers: _Answers, sampled: ExpectedScores) -> list[Row]:
        rules, how = self.asked.rules, self.asked.certainty
        scored = self._of_tables(answers, rules.unparsed_in_scores)
        if not len(scored):
            return []
        grouped = scored
        if rules.unparsed_in_gaps != rules.unparsed_in_scores:
            grouped = self._of_tables(answers, rules.unparsed_in_gaps)
        rows = [*overall_rows(scored, how), self._expected(scored, sampled)]
        rows += _by_group(_without_classes(grouped, _BY_GROUP), how)
        if answers.reference == _GIVEN:
            rows += _by_strata(scored, how)
        return self._stated(rows, answers.kind, answers.reference, rules.name)

    def _credited(self) -> list[Row]:
        """The left-out listener in the annotator-aware reading: right if another said the same."""
        other, policy = self.asked.other, self.asked.rules.unparsed_in_scores
        tables = left_out_credit(self.counts, self.asked.rule, other=other)
        answers = _Answers(LEFT_OUT, _OTHERS, *tables)
        metrics = _renamed(
            self.asked.metrics[policy],
            {"macro_f1": "annotator_aware_macro_f1", "accuracy": "annotator_aware_accuracy"},
        )
        scored = replace(
            self._of_tables(answers, policy),
            metrics=metrics,
            compared=metrics,
            measures=scalar_measures(metrics),
            table=None,
        )
        if not len(scored):
            return []
        how = self.asked.certainty
        rows = [*overall_rows(scored, how), *_by_group(scored, how)]
        return self._stated(rows, LEFT_OUT, _OTHERS, "credited")

    def _of_tables(self, answers: _Answers, policy: Unparsed) -> Additive:
        rows = np.flatnonzero(answers.tables.any((1, 2)))
        tables = answers.tables[rows]

        def summed(marked: BoolArray) -> FloatArray:
            return np.asarray(tables[marked].sum(0))

        made = self._additive(
            rows,
            table_statistics(tables, unparsed=policy),
            self.asked.metrics[policy],
            _COMPARED,
            {_LOST[answers.reference]: float(answers.lost.sum())},
        )
        return replace(made, reference=tables.sum(-1), table=summed)

    def _expected(self, scored: Additive, sampled: ExpectedScores) -> Row:
        """The mean score of sampled listeners, over everybody."""
        value, error = float(sampled.expected[0]), float(sampled.error[0])
        known = not np.isnan(value)
        why = f"interval: mean of {sampled.draws} simulations, Monte-Carlo error {error:.6f}"
        return plain_row(
            EXPECTED_MACRO_F1,
            value if known else None,
            n=len(scored),
            why=why if known else scored.metrics["macro_f1"].undefined,
            left_out=scored.left_out,
            how=self.asked.certainty,
        )

    # --- sets of labels and distributions -------------------------------------------------

    def _left_out_shares(self) -> list[Row]:
        """The left-out listener against sets and shares of the others' votes."""
        parts = self._parts(_OTHERS)
        parts.append(_any_vote_part(self.asked.rules))
        found, lost = left_out_statistics(self.counts, _side_by_side(parts), other=self.asked.other)
        return self._of_parts(parts, found, self.voted & (lost == 0), LEFT_OUT)

    def _half_shares(self) -> list[Row]:
        """Half the crowd against sets and shares of the other half's votes."""
        parts = self._parts(_OTHER_HALF)
        seed, other = self.asked.certainty.seed, self.asked.other
        found = half_statistics(
            self.counts, _side_by_side(parts), draws=HALVES, seed=seed, other=other
        )
        several = self.counts.totals(other=other == "count") > 1
        return self._of_parts(parts, found, several, HALF)

    def _parts(self, reference: str) -> list[_Part]:
        """Sets at each threshold; and distributions, where shares are of the labels only."""
        parts = [_set_part(threshold, self.asked.rules) for threshold in THRESHOLDS]
        if self.asked.other == "leave_out":
            distances = partial(_distances, epsilon=self.asked.smoothing)
            name = self.asked.rules.name
            parts.append(_Part(reference, name, distances, distribution_metrics(), "jsd"))
        return parts

    def _of_parts(
        self, parts: Sequence[_Part], found: FloatArray, usable: BoolArray, kind: str
    ) -> list[Row]:
        rows = np.flatnonzero(usable)
        if not len(rows):
            return []
        made: list[Row] = []
        start = 0
        lost = {_ALONE: float((self.voted & ~usable).sum())}
        for part in parts:
            end = start + _width(part, len(self.counts.labels))
            scored = self._additive(
                rows, found[rows, start:end], part.metrics, (part.compared,), lost
            )
            how = self.asked.certainty
            plain = replace(_without_classes(scored), tests="none")
            own = [*overall_rows(scored, how), *_by_group(plain, how)]
            made += self._stated(own, kind, part.reference, part.convention)
            start = end
        return made

    # --- what all of them share -----------------------------------------------------------

    def _additive(
        self,
        rows: IntArray,
        statistics: FloatArray,
        metrics: Mapping[str, Metric],
        compared: Collection[str],
        lost: Mapping[str, float],
    ) -> Additive:
        left_out = {_UNRATED: float((~self.voted).sum()), **lost}
        return crowd_items(
            self.crowd,
            self.groupings,
            rows,
            statistics,
            metrics,
            compared=compared,
            left_out={why: round(many) for why, many in left_out.items() if round(many)},
        )

    def _stated(self, rows: Sequence[Row], kind: str, reference: str, convention: str) -> list[Row]:
        shared = {
            "corpus": self.crowd.corpus,
            "system": human_system(kind, self.crowd.channel),
            "reference": reference,
            "convention": convention,
        }
        return [row | shared for row in rows]


def _by_group(items: Additive, how: Certainty) -> Iterator[Row]:
    for grouping in items.groupings[:-1]:
        yield from grouping_rows(items, grouping, how.of(grouping))


def _by_strata(items: Additive, how: Certainty) -> Iterator[Row]:
    """Scores where listeners agree more and less; of these there are no gaps."""
    grouping = items.groupings[-1]
    plain = replace(_without_classes(items), compared=(), measures=(), table=None)
    yield from grouping_rows(plain, grouping, how.of(grouping))


def _without_classes(items: Additive, but: Collection[str] = ()) -> Additive:
    """Without the metrics that have a value a class, but for some of them."""
    metrics = {
        name: each for name, each in items.metrics.items() if not each.per_class or name in but
    }
    return replace(items, metrics=metrics)


def _renamed(metrics: Mapping[str, Metric], names: Mapping[str, str]) -> dict[str, Metric]:
    return {new: replace(metrics[old], name=new) for old, new in names.items()}


def _set_part(threshold: str, rules: Convention) -> _Part:
    def statistics(others: FloatArray, answers: FloatArray) -> FloatArray:
        return multilabel_statistics(chosen(others, threshold), chosen(answers, threshold))

    metrics = multilabel_metrics(rules.zero_support)
    return _Part(f"votes > {threshold}", rules.name, statistics, metrics, "multilabel_macro_f1")


def _any_vote_part(rules: Convention) -> _Part:
    """The set of all labels that any other listener gave."""

    def statistics(others: FloatArray, answers: FloatArray) -> FloatArray:
        return multilabel_statistics(others > 0, answers > 0)

    metrics = _renamed(
        multilabel_metrics(rules.zero_support),
        {
            "multilabel_macro_f1": "any_vote_macro_f1",
            "multilabel_micro_f1": "any_vote_micro_f1",
        },
    )
    return _Part(_OTHERS, "multilabel", statistics, metrics, "any_vote_macro_f1")


def _distances(others: FloatArray, answers: FloatArray, *, epsilon: float) -> FloatArray:
    return distribution_statistics(smoothed(others, epsilon), answers)


def _side_by_side(parts: Sequence[_Part]) -> Callable[[FloatArray, FloatArray], FloatArray]:
    def statistics(others: FloatArray, answers: FloatArray) -> FloatArray:
        return np.concatenate([part.statistics(others, answers) for part in parts], axis=-1)

    return statistics


def _width(part: _Part, classes: int) -> int:
    nobody = np.zeros((0, classes))
    return int(part.statistics(nobody, nobody).shape[1])
