"""Open and closed form side by side: majority labels, all labels, where raters agree.

The layout of the explainable SpeechLM's Table 1: each system in each form, on all utterances
and on those where one label has more than half of the votes; held against the label of the
majority, and against all labels that any rater gave (the reading ``credited`` of
:mod:`equivoice.evaluation.against_votes`). Systems are compared with one of them by paired
tests over speakers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.additive import Additive, Certainty, overall_rows
from equivoice.evaluation.against_votes import credited_reference
from equivoice.evaluation.by_label import unparsed_count
from equivoice.evaluation.gap_tests import all_metrics
from equivoice.evaluation.matching import Items, match, to_items
from equivoice.evaluation.open_answers import FORMS, Form
from equivoice.evaluation.paired import compare_predictions
from equivoice.evaluation.reference_votes import NoConsensus, ReferenceVotes, labels_of
from equivoice.evaluation.sums import items_statistics
from equivoice.fairness import convention as convention_named
from equivoice.metrics import UNPARSED, BoolArray, Unparsed
from equivoice.records import PREDICTIONS, UTTERANCES, LabelSpace
from equivoice.uncertainty import mcnemar

__all__ = ["COLUMNS", "HELD", "SUBSETS", "FormEntry", "FormScores", "score_forms"]

Subset = Literal["all", "agreement > 0.5"]
Held = Literal["majority", "all"]
SUBSETS: tuple[Subset, ...] = ("all", "agreement > 0.5")
"""All utterances, and those where one label has more than half of the votes."""
HELD: tuple[Held, ...] = ("majority", "all")
"""What answers are held against: the majority's label, or all labels that raters gave."""

COLUMNS: Mapping[str, Any] = {
    "quantity": pl.String,  # score, or difference from another system
    "system": pl.String,
    "other": pl.String,
    "form": pl.String,
    "subset": pl.String,
    "labels": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "method": pl.String,
    "unit": pl.String,
    "n": pl.Int64,
    "clusters": pl.Int64,
    "p_value": pl.Float64,
    "p_floor": pl.Float64,
    "p_mcnemar": pl.Float64,
    "left_out": pl.String,
    "undefined": pl.String,
}
"""The columns of the table of scores and differences."""

_METRICS = ("macro_f1", "accuracy")
_NO_LABEL = "no label of the crowd, and an answer that nobody gave"


@dataclass(frozen=True)
class FormEntry:
    """The answers of one system in one form, as they were read.

    Args:
        system: its name.
        form: in which it was asked.
        predictions: a PREDICTIONS table with an utterance at most once.

    Raises:
        ConfigError: an unknown form.
        InputError: an utterance is answered several times.
    """

    system: str
    form: Form
    predictions: pl.DataFrame

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ConfigError("unknown form", value=self.form, choices=FORMS)
        names = self.predictions.get_column("utterance_id")
        twice = names.filter(names.is_duplicated())
        if len(twice):
            raise InputError(
                f"{self.system} answers {twice.n_unique()} utterances several times in the "
                f"{self.form} form",
                value=twice[0],
                hint="keep one prompt, order, temperature and run",
            )


@dataclass(frozen=True)
class FormScores:
    """What was found.

    Args:
        table: a row a number, with the columns of :data:`COLUMNS`.
        notes: what must be known before the numbers are read.
    """

    table: pl.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Truth:
    """What answers are held against."""

    reference: pl.DataFrame
    labels: LabelSpace
    votes: ReferenceVotes | None
    agreed: frozenset[str]
    consensus: Any = field(default=None)

    def held(self, entry: FormEntry, subset: Subset, against: Held) -> pl.DataFrame:
        """The reference of an entry, with the labels that its answers are held against."""
        truth = self.reference
        if against == "all":
            truth = self._credited(entry)
        if subset != "all":
            truth = truth.filter(pl.col("utterance_id").is_in(list(self.agreed)))
        return truth

    def _credited(self, entry: FormEntry) -> pl.DataFrame:
        if self.votes is None:
            raise InputError("all labels are those of raters, and there are no votes")
        said = _answered(entry.predictions, self.labels)
        frame = self.reference.drop("emotion").join(
            said, on="utterance_id", how="left", maintain_order="left"
        )
        place = self.votes.places(frame.get_column("utterance_id"))
        voted = (place >= 0) & self.votes.voted[place]
        codes = {name: code for code, name in enumerate(self.labels.names)}
        predicted = frame.get_column("said").replace_strict(
            codes, default=UNPARSED, return_dtype=pl.Int64
        )
        found = credited_reference(
            self.votes.counts.counts[place], predicted.to_numpy(), self.consensus[place]
        )
        names = [
            self.labels.names[code] if code >= 0 and known else None
            for code, known in zip(found.tolist(), voted.tolist(), strict=True)
        ]
        return frame.drop("said").with_columns(emotion=pl.Series(names, dtype=pl.String))


def score_forms(
    entries: Sequence[FormEntry],
    reference: pl.DataFrame,
    labels: LabelSpace,
    *,
    votes: ReferenceVotes | None = None,
    baseline: str | None = None,
    no_consensus: NoConsensus = "random",
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _: None,
) -> FormScores:
    """Every system in every form, in the four readings of the paper's table.

    Args:
        entries: answers as read; a system at most once in each form.
        reference: an UTTERANCES table; its labels are those of the majority. Where it has
            none, they are the plurality of the votes.
        labels: the declared labels.
        votes: of raters; without them there are neither all labels nor a subset.
        baseline: the system that the others are compared with, form by form.
        no_consensus: the crowd's label in annotator-aware scores where there is no majority.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        watch: told what is at work.

    Raises:
        ConfigError: nothing to score, a system twice in one form, or no such baseline.
        InputError: no labels, or answers to other utterances.

    Example:
        >>> names = [f"d/{n}" for n in range(4)]
        >>> truth = pl.DataFrame({"utterance_id": names, "emotion": ["sad", "angry"] * 2})
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> entry = FormEntry("a", "open", truth.select("utterance_id", "emotion"))
        >>> score_forms([entry], truth, space, replicates=0).table["value"].to_list()
        [1.0, 1.0]
    """
    _check(entries, baseline)
    entries = [
        replace(each, predictions=PREDICTIONS.validate(each.predictions)) for each in entries
    ]
    truth = _truth(reference, labels, votes, no_consensus, seed)
    certainty = Certainty(replicates, permutations, level, seed)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        watch(f"{entry.system}, {entry.form} form")
        rows += _scores(entry, truth, certainty)
    by_form = {(entry.form, entry.system): entry for entry in entries}
    for entry in entries:
        other = by_form.get((entry.form, str(baseline)))
        if other is not None and other is not entry:
            watch(f"{entry.system} against {baseline}, {entry.form} form")
            rows += _differences(entry, other, truth, certainty)
    table = pl.DataFrame(rows, schema=dict(COLUMNS), infer_schema_length=None)
    return FormScores(table, tuple(_notes(truth, no_consensus, baseline)))


def _check(entries: Sequence[FormEntry], baseline: str | None) -> None:
    keys = [(entry.form, entry.system) for entry in entries]
    twice = [key for key in keys if keys.count(key) > 1]
    if not keys:
        raise ConfigError("there is nothing to score", hint="name a run in a form")
    if twice:
        raise ConfigError(f"a system stands twice in the {twice[0][0]} form", value=twice[0][1])
    systems = [system for _, system in keys]
    if baseline is not None and baseline not in systems:
        raise ConfigError("no such system to compare with", value=baseline, choices=systems)


def _truth(
    reference: pl.DataFrame,
    labels: LabelSpace,
    votes: ReferenceVotes | None,
    no_consensus: NoConsensus,
    seed: int,
) -> _Truth:
    table = UTTERANCES.validate(reference)
    if table.get_column("emotion").is_null().all():
        if votes is None:
            raise InputError("the reference has neither labels nor votes", column="emotion")
        made = labels_of(votes, "plurality")
        table = table.drop("emotion").join(made, on="utterance_id", how="left")
    if votes is None:
        return _Truth(table, labels, None, frozenset())
    agreed = frozenset(labels_of(votes, "majority").get_column("utterance_id"))
    return _Truth(table, labels, votes, agreed, votes.consensus(no_consensus, seed=seed))


def _readings(truth: _Truth) -> Iterator[tuple[Subset, Held]]:
    if truth.votes is None:
        yield "all", "majority"
        return
    for subset in SUBSETS:
        if subset == "all" or truth.agreed:
            for against in HELD:
                yield subset, against


def _answered(predictions: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    """``utterance_id`` and ``said``: the label of each answer, null where it has none."""
    words = predictions.get_column("emotion").drop_nulls().unique().to_list()
    known = {word: labels.resolve(word) for word in words}
    parsed = pl.col("status").fill_null("parsed") == "parsed"
    label = pl.col("emotion").replace_strict(known, default=None, return_dtype=pl.String)
    return predictions.select("utterance_id", said=pl.when(parsed).then(label))


def _scores(entry: FormEntry, truth: _Truth, certainty: Certainty) -> Iterator[dict[str, Any]]:
    rules = convention_named("equivoice")
    metrics = {
        name: metric
        for name, metric in all_metrics(rules.unparsed_in_scores, rules).items()
        if name in _METRICS
    }
    for subset, against in _readings(truth):
        held = truth.held(entry, subset, against)
        matched = match(entry.predictions, held, truth.labels, lacking=_lacking(against))
        items = to_items(matched.frame, truth.labels, ())
        made = Additive(
            items_statistics(items, rules.unparsed_in_scores),
            metrics,
            items.units,
            items.unit,
            classes=truth.labels.names,
            reference=items.reference,
            left_out={why: n for why, n in matched.left_out.items() if n},
            also_left_out=partial(_unparsed, items, rules.unparsed_in_scores),
        )
        for row in overall_rows(made, certainty):
            yield _plain("score", entry, subset, against, row)


def _unparsed(items: Items, policy: Unparsed, marked: BoolArray) -> dict[str, int]:
    return unparsed_count(int((items.predicted[marked] < 0).sum()), policy)


def _lacking(against: Held) -> str:
    return _NO_LABEL if against == "all" else "reference without label"


def _differences(
    entry: FormEntry, other: FormEntry, truth: _Truth, certainty: Certainty
) -> Iterator[dict[str, Any]]:
    for subset, against in _readings(truth):
        held = [truth.held(each, subset, against) for each in (entry, other)]
        found = compare_predictions(
            entry.predictions,
            other.predictions,
            held[0],
            second_reference=held[1],
            names=(entry.system, other.system),
            label_space=truth.labels,
            replicates=certainty.replicates,
            permutations=certainty.permutations,
            level=certainty.level,
            seed=certainty.seed,
        ).filter(pl.col("metric").is_in(_METRICS) & pl.col("class").is_null())
        right = [
            _right(each, own, truth.labels) for each, own in zip((entry, other), held, strict=True)
        ]
        both = right[0].join(right[1], on="utterance_id", suffix="_other")
        parted = both.select(
            (pl.col("right") & ~pl.col("right_other")).sum().alias("first"),
            (~pl.col("right") & pl.col("right_other")).sum().alias("second"),
        ).row(0)
        for row in found.iter_rows(named=True):
            exact = mcnemar(*parted) if row["metric"] == "accuracy" else None
            yield _plain("difference", entry, subset, against, row) | {
                "other": other.system,
                "p_mcnemar": exact,
            }


def _right(entry: FormEntry, held: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    frame = match(entry.predictions, held, labels).frame
    return frame.select("utterance_id", right=pl.col("predicted").eq_missing(pl.col("reference")))


def _plain(
    quantity: str, entry: FormEntry, subset: Subset, against: Held, row: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of estimates as one of this table."""
    left_out = row.get("left_out")
    kept = {name: row.get(name) for name in COLUMNS if name in row}
    return kept | {
        "quantity": quantity,
        "system": entry.system,
        "form": entry.form,
        "subset": subset,
        "labels": against,
        "left_out": json.dumps(left_out) if isinstance(left_out, Mapping) else left_out,
    }


def _notes(truth: _Truth, no_consensus: NoConsensus, baseline: str | None) -> Iterator[str]:
    if truth.votes is None:
        yield "There are no votes: neither all labels nor the agreement of raters are known."
        return
    yield (
        "All labels: an answer that any rater gave is right; else the reference is the crowd's "
        f"label (where there is no majority: {no_consensus}). How F1 a class is formed is not "
        "published; this reading is a reconstruction. References depend on the answers, so "
        "supports differ between systems, also where two are compared."
    )
    n = len(truth.agreed)
    yield f"Agreement > 0.5: one label has more than half of the votes, on {n} utterances."
    if baseline is not None:
        yield (
            "Differences are paired: speakers are resampled, and swapped between systems in the "
            "permutation test. McNemar's exact test counts utterances as independent."
        )
