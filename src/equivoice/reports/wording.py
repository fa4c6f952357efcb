"""What things are called, and the sentences that every report uses.

The rules are in ``docs/wording.md``: differences between groups are described,
causes are not claimed, and a refusal says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from equivoice.reports.rows import Estimate
from equivoice.reports.terms import METRICS, OF_PROBABILITIES, Term

__all__ = [
    "AGGREGATORS",
    "CAUSES",
    "CREDITED",
    "GLOSSARY",
    "METRICS",
    "OF_LISTENERS",
    "OF_PROBABILITIES",
    "PEOPLE",
    "RATERS",
    "Term",
    "aggregation",
    "attribute",
    "compared",
    "metric",
    "pair_of",
    "term",
    "unit",
]


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

RATERS = (
    "Intervals are over speakers: they do not contain the sampling of listeners, and another "
    "crowd would have voted otherwise."
)
"""Wherever a number rests on the votes of listeners."""
CREDITED = (
    "An answer is right here if any listener gave it. What counts as the reference thus depends on "
    "the answers: the numbers of utterances behind each emotion differ between systems, and two of "
    "these scores are not scores of the same task. One listener drawn at random reaches what people "
    "reach without trying to agree: read every system beside that row."
)
"""Beside every score whose reference depends on the answers."""

PEOPLE = (
    "Rows of people are listeners, scored as a system is. They are no competitors of a system: to "
    "meet a label more often than people do is not to understand more. Their scores are those of the "
    "expected confusion table; the mean score of simulated listeners is the expected macro-F1."
)
"""Beside every table in which people stand with systems."""

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
        "held against",
        (
            "What counts as right: the labels that the corpus gives, or a rule by which the votes "
            "of listeners became labels. Scores held against different references are scores of "
            "different tasks, and often of different utterances."
        ),
    ),
    (
        "people",
        (
            "Rows of listeners, scored as a system is: one listener drawn at random, one held "
            "against the others, the crowd, or half of it. They are no competitors of a system."
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

OF_LISTENERS = ("held against", "people")
"""Words of the glossary that only reports with listeners need."""


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
