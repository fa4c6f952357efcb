"""What things are called, and the sentences that every report uses.

The rules are in ``docs/wording.md``: differences between groups are described,
causes are not claimed, and a refusal says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from equivoice.reports.rows import Estimate

__all__ = [
    "AGGREGATORS",
    "CAUSES",
    "GLOSSARY",
    "METRICS",
    "OF_PROBABILITIES",
    "Term",
    "aggregation",
    "attribute",
    "compared",
    "metric",
    "pair_of",
    "term",
    "unit",
]


@dataclass(frozen=True)
class Term:
    """A metric as a report names it.

    Args:
        name: what it is called.
        meaning: one sentence for a reader who does not know it.
        percent: whether it is shown times 100; else as a plain ratio.
    """

    name: str
    meaning: str
    percent: bool = True


METRICS: dict[str, Term] = {
    "macro_f1": Term("macro-F1", "Mean over the emotions of the F1 score; each counts the same."),
    "unweighted_accuracy": Term(
        "unweighted accuracy", "Mean over the emotions of the share recognised (recall)."
    ),
    "accuracy": Term("accuracy", "Share of utterances that were given their reference label."),
    "weighted_f1": Term("weighted F1", "Mean F1 score, each emotion weighted by its frequency."),
    "micro_f1": Term("micro-F1", "F1 score over all decisions together."),
    "macro_precision": Term("macro-precision", "Mean over the emotions of the precision."),
    "coverage": Term("coverage", "Share of answers that could be read as one of the labels."),
    "recall": Term("recall", "Of the utterances with this emotion, the share recognised."),
    "precision": Term("precision", "Of the utterances given this label, the share that have it."),
    "f1": Term("F1", "Harmonic mean of precision and recall."),
    "selection_rate": Term("share of answers", "Share of all utterances that got this label."),
    "false_positive_rate": Term(
        "false positive rate", "Of the utterances without this emotion, the share given it."
    ),
    "false_negative_rate": Term(
        "false negative rate", "Of the utterances with this emotion, the share missed."
    ),
    "recall_sum": Term("sum of recalls", "Sum over the emotions of the recall.", percent=False),
    "error_ratio": Term(
        "error ratio", "False positive rate divided by false negative rate.", percent=False
    ),
    "statistical_parity": Term(
        "statistical parity", "Difference in how often a label is given, whatever is right."
    ),
    "equal_opportunity": Term(
        "equal opportunity", "Difference in recall, per emotion, then combined."
    ),
    "overall_accuracy_equality": Term(
        "overall accuracy equality", "Difference in overall accuracy."
    ),
    "tpr_gap": Term("TPR gap", "Difference in true positive rate (recall), per emotion."),
    "fpr_gap": Term("FPR gap", "Difference in false positive rate, per emotion."),
    "w_f1_gap": Term("weighted-F1 gap", "Difference in weighted F1."),
    "acc_gap": Term("accuracy gap", "Difference in accuracy."),
    "avg_gap": Term("mean of four gaps", "Mean of the TPR, FPR, weighted-F1 and accuracy gaps."),
    "equalised_odds": Term(
        "equalised odds", "Difference in true and false positive rates together."
    ),
    "treatment_equality": Term(
        "treatment equality",
        "Difference in the ratio of false positives to false negatives.",
        percent=False,
    ),
    "brier": Term(
        "Brier score",
        "Mean squared distance of the probabilities from the truth; 0 is best, 2 the worst.",
        percent=False,
    ),
    "log_loss": Term(
        "log loss", "Mean of −ln of the probability of the reference label.", percent=False
    ),
    "mean_confidence": Term("mean confidence", "Mean probability of the most probable label."),
    "overconfidence": Term(
        "overconfidence",
        "Mean probability of the most probable label minus how often it is right.",
    ),
    "outside": Term(
        "mass outside", "Mean probability of all answers that are none of the options."
    ),
    "ece": Term(
        "calibration error",
        "Mean distance, over ten bins, of the share of right answers from the stated probability.",
    ),
    "ece_equal_mass": Term(
        "calibration error, bins of equal size", "The same, over bins of equally many answers."
    ),
    "rms_calibration": Term(
        "calibration error, freed of chance",
        "Root mean square of the distances, less what chance adds to them.",
    ),
}

OF_PROBABILITIES = frozenset(
    {
        *("brier", "log_loss", "mean_confidence", "overconfidence", "outside"),
        *("ece", "ece_equal_mass", "rms_calibration"),
    }
)
"""Metrics of probabilities; they stand in a section of their own."""

AGGREGATORS = {
    "mean": "mean over pairs",
    "rms": "root mean square over pairs",
    "max": "largest pair",
    "max_to_overall": "largest distance to the overall score",
}
_CLASS_AGGREGATORS = {"mean": "mean", "rms": "root mean square", "max": "largest"}

CAUSES = (
    "Differences between groups are described, not explained: the numbers do not say whether "
    "they come from the system, the recordings, the speakers, the labels or who was recorded."
)

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "interval",
        (
            "The range of values that fit the data, in brackets. A 95% interval is made by a method "
            "that covers the true value in 95 of 100 such studies. Whole speakers are resampled, "
            "since utterances of one speaker resemble each other."
        ),
    ),
    (
        "points",
        "Percentage points: 54% is 4 points more than 50%.",
    ),
    (
        "spread over folds",
        (
            "Standard deviation of the scores of the single folds. It is not an interval, and it is "
            "never mixed with one."
        ),
    ),
    (
        "spread over runs",
        (
            "Standard deviation of the scores where the same questions were asked repeatedly. It "
            "says how far a score depends on chance in the answers; an interval says how far it "
            "depends on which speakers were recorded."
        ),
    ),
    (
        "spread over label orders",
        (
            "Standard deviation of the scores where the labels were displayed in several orders: "
            "how far a score depends on something that should not matter."
        ),
    ),
    (
        "signed gap",
        "The score of the first group minus that of the second. Below zero, the first is lower.",
    ),
    (
        "p",
        (
            "How often a difference at least this large would arise if the groups did not differ. "
            "Its floor is the smallest p that the test can give with so few speakers."
        ),
    ),
    (
        "smallest detectable gap",
        (
            "The true difference that a study of this size would find four times out of five. "
            "Smaller differences may exist and go unseen."
        ),
    ),
    (
        "noise floor",
        (
            "The value that an unsigned gap takes on average if the groups do not differ: chance "
            "alone makes it larger than zero. A gap near its noise floor says little."
        ),
    ),
    (
        "not defined",
        (
            "The number does not exist for these data; the reason stands beside it. It does not "
            "mean zero."
        ),
    ),
)


def term(name: str) -> Term:
    """The term of a metric; an unknown metric is named by its own name."""
    return METRICS.get(name) or Term(name.replace("_", " "), "")


def metric(name: str) -> str:
    """What a metric is called.

    Example:
        >>> metric("macro_f1"), metric("my_metric")
        ('macro-F1', 'my metric')
    """
    return term(name).name


def attribute(group_by: str) -> str:
    """What a grouping is called, with the sign of multiplication between attributes.

    Example:
        >>> attribute("gender x age")
        'gender × age'
    """
    return " × ".join(group_by.split(" x "))


def compared(group_by: str, groups: str | None) -> tuple[str, str]:
    """The two groups of a signed difference, to stand before and after ``than for``.

    Example:
        >>> compared("gender", "female − male")
        ('female', 'male speakers')
        >>> compared("age", "≤ 25 − > 25")
        ('age ≤ 25', 'age > 25')
    """
    first, second = pair_of(groups) or ("the first group", "the second group")
    if group_by == "gender":
        return first, f"{second} speakers"
    return f"{attribute(group_by)} {attribute(first)}", f"{attribute(group_by)} {attribute(second)}"


def pair_of(groups: str | None) -> tuple[str, str] | None:
    """The two groups of a signed difference ``first − second``.

    Example:
        >>> pair_of("female − male")
        ('female', 'male')
    """
    first, found, second = (groups or "").partition(" − ")
    return (first, second) if found else None


def aggregation(estimate: Estimate) -> str:
    """How an unsigned gap was combined over groups and classes; always stated.

    Example:
        >>> aggregation(Estimate("gap", "tpr_gap", group_aggregator="max",
        ...                      class_aggregator="mean"))
        'largest pair of groups; mean over classes'
    """
    over_groups = AGGREGATORS.get(
        estimate.group_aggregator or "", estimate.group_aggregator or "aggregator not stated"
    )
    if estimate.group_aggregator in ("mean", "rms", "max"):
        over_groups += " of groups"
    if estimate.class_aggregator is None:
        return over_groups
    name = _CLASS_AGGREGATORS.get(estimate.class_aggregator, estimate.class_aggregator)
    return f"{over_groups}; {name} over classes"


def unit(rows: Iterable[Estimate]) -> str:
    """What was resampled, as a plural noun; ``units`` where it is not stated or mixed.

    Example:
        >>> unit([Estimate("score", "accuracy", unit="speaker")])
        'speakers'
    """
    units = {row.unit for row in rows if row.unit}
    return f"{units.pop()}s" if len(units) == 1 else "units"
