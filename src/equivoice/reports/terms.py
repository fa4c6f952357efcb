"""What metrics and references are called, what they mean, and in which unit they are written."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AGREEMENT",
    "ANNOTATOR_AWARE",
    "ATTRIBUTES",
    "DISTRIBUTION",
    "GIVEN",
    "METRICS",
    "MULTILABEL",
    "MULTILABEL_BY_CLASS",
    "OF_PROBABILITIES",
    "RATING",
    "REFERENCES",
    "TRANSCRIPTS",
    "Term",
    "measure",
    "reference",
    "rule",
]


@dataclass(frozen=True)
class Term:
    """A metric as a report names it.

    Args:
        name: what it is called.
        meaning: one sentence for a reader who does not know it.
        percent: whether it is shown times 100; else as a plain number.
        digits: behind the point, where it is a plain number.
        unit: what a plain number counts; empty for a ratio.
    """

    name: str
    meaning: str
    percent: bool = True
    digits: int = 2
    unit: str = ""


_SCORES: dict[str, Term] = {
    "macro_f1": Term("macro-F1", "Mean over the emotions of the F1 score; each counts the same."),
    "expected_macro_f1": Term(
        "expected macro-F1",
        "Mean over simulated listeners of their macro-F1; the macro-F1 beside it is that of the "
        "expected confusion table, which is another number.",
    ),
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
        "log loss",
        "Mean of −ln of the probability of the reference label.",
        percent=False,
        unit="nats",
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

ANNOTATOR_AWARE: dict[str, Term] = {
    "annotator_aware_macro_f1": Term(
        "annotator-aware macro-F1",
        "Macro-F1 in which an answer that any listener gave counts as right; the others are held "
        "against the most frequent vote. Which answers are the reference thus depends on the "
        "system.",
    ),
    "annotator_aware_accuracy": Term(
        "annotator-aware accuracy", "Share of answers that at least one listener gave."
    ),
    "any_vote_macro_f1": Term(
        "any-vote macro-F1",
        "F1 score of the answer against the set of all labels that anybody gave, mean over the "
        "emotions.",
    ),
    "any_vote_micro_f1": Term(
        "any-vote micro-F1", "The same over all decisions together, not emotion by emotion."
    ),
}
"""Scores that credit an answer which any listener gave."""

MULTILABEL: dict[str, Term] = {
    "multilabel_macro_f1": Term(
        "multi-label macro-F1",
        "F1 score of the set of labels above a threshold, of system and listeners alike; mean over "
        "the emotions.",
    ),
    "multilabel_micro_f1": Term(
        "multi-label micro-F1", "The same over all decisions together, not emotion by emotion."
    ),
    "exact_match": Term("exact match", "Share of utterances whose set of labels is the same."),
    "empty_prediction": Term(
        "no label", "Share of utterances for which no label of the system passed the threshold."
    ),
    "empty_reference": Term(
        "no label of the listeners",
        "Share of utterances for which no label of the listeners passed the threshold.",
    ),
}
"""Scores of sets of labels, over all classes."""

MULTILABEL_BY_CLASS: dict[str, Term] = {
    "multilabel_f1": Term("multi-label F1", "F1 score of one label, chosen or not."),
    "multilabel_recall": Term(
        "multi-label recall", "Of the utterances with this label in their set, the share found."
    ),
    "multilabel_precision": Term(
        "multi-label precision", "Of the utterances given this label, the share that have it."
    ),
    "multilabel_selection_rate": Term(
        "multi-label share of answers", "Share of utterances that were given this label."
    ),
    "multilabel_false_positive_rate": Term(
        "multi-label false positive rate",
        "Of the utterances without this label in their set, the share given it.",
    ),
}

DISTRIBUTION: dict[str, Term] = {
    "kld": Term(
        "KL divergence",
        "Divergence of the system's probabilities from the listeners' votes; 0 is best. It is not "
        "defined where a label that people chose got probability 0.",
        percent=False,
        digits=3,
        unit="nats",
    ),
    "jsd": Term(
        "Jensen–Shannon divergence",
        "Divergence of probabilities and votes from their mean; 0 is best, ln 2 = 0.693 the worst.",
        percent=False,
        digits=3,
        unit="nats",
    ),
    "cross_entropy": Term(
        "cross-entropy",
        "Mean of −ln of the probability of each vote; at best the entropy of the votes.",
        percent=False,
        digits=3,
        unit="nats",
    ),
    "soft_brier": Term(
        "Brier score against the votes",
        "Mean squared distance of probabilities from shares of votes; 0 is best, 2 the worst.",
        percent=False,
        digits=3,
    ),
    "total_variation": Term(
        "total variation",
        "Half the sum of the distances of probabilities from shares of votes; 0 is best, 1 the "
        "worst.",
        percent=False,
        digits=3,
    ),
}
"""Scores of probabilities against the distribution of the votes."""

AGREEMENT: dict[str, Term] = {
    "krippendorff_alpha": Term(
        "Krippendorff's alpha",
        "How far listeners agree beyond chance: 1 is full agreement, 0 what chance would give. "
        "Utterances with one vote do not count.",
        percent=False,
        digits=3,
    ),
    "fleiss_kappa": Term(
        "Fleiss' kappa",
        "The same for utterances that all have as many votes; else it is not defined.",
        percent=False,
        digits=3,
    ),
    "cohen_kappa": Term(
        "Cohen's kappa",
        "Agreement beyond chance of two listeners, mean over pairs; it needs names of listeners.",
        percent=False,
        digits=3,
    ),
    "vote_entropy": Term(
        "entropy of the votes",
        "How far the votes on an utterance scatter, mean over utterances; 0 where all agree. It "
        "depends on how many votes there are.",
        percent=False,
        digits=3,
        unit="nats",
    ),
    "top_share": Term(
        "top share",
        "Share of the votes that the most frequent label got, mean over utterances. It depends on "
        "how many votes there are.",
    ),
    "class_alpha": Term(
        "alpha of one emotion",
        "Krippendorff's alpha of one emotion against all others together.",
        percent=False,
        digits=3,
    ),
    "vote_share": Term(
        "share of the votes",
        "Share of the votes on an utterance that this emotion got, mean over utterances.",
    ),
    "kept": Term("kept", "Share of utterances to which the rule gives a label."),
}
"""How far listeners agree, and what the rules keep."""


def _attributes() -> dict[str, Term]:
    made: dict[str, Term] = {}
    for name in ("valence", "arousal", "dominance"):
        plain: dict[str, Term] = {
            "ccc": Term(
                f"{name}: CCC",
                "Concordance correlation: 1 is full agreement, 0 none; it counts shifts and "
                "squeezed ranges as disagreement.",
            ),
            "pearson": Term(
                f"{name}: correlation", "Pearson's correlation: it does not see shifts."
            ),
            "rmse": Term(f"{name}: RMSE", "Root mean square error.", unit="points of the scale"),
            "mae": Term(f"{name}: MAE", "Mean absolute error.", unit="points of the scale"),
            "bias": Term(
                f"{name}: mean error", "Mean of answer minus reference.", unit="points of the scale"
            ),
        }
        for short, given in plain.items():
            made[f"{name}_{short}"] = Term(
                given.name, given.meaning, percent=False, digits=3, unit=given.unit
            )
    return made


ATTRIBUTES: dict[str, Term] = _attributes()
"""Scores of valence, arousal and dominance."""

TRANSCRIPTS: dict[str, Term] = {
    "word_error_rate": Term(
        "word error rate",
        "Words replaced, left out and added, by the words that were said; over the whole corpus, "
        "so that it may exceed 100%. Case and punctuation do not count; where words are not "
        "written apart, characters count as words.",
    ),
    "substitution_rate": Term("words replaced", "By the words that were said."),
    "deletion_rate": Term("words left out", "By the words that were said."),
    "insertion_rate": Term("words added", "By the words that were said."),
    "transcript_error": Term(
        "transcripts with an error", "Share of utterances whose transcript has any error."
    ),
}
"""What systems heard, against what was said."""

RATING: dict[str, Term] = {
    "win_rate": Term(
        "win rate",
        "Share of pairs in which the explanation was preferred. A tie counts half, and each pair "
        "half for each order in which it was shown, unless the report says otherwise.",
    ),
    "tie_rate": Term("ties", "Share of pairs in which neither explanation came out ahead."),
    "first_chosen": Term(
        "shown first, and chosen",
        "Of the decided votes, the share for the explanation that was shown first: 50% without a "
        "liking for a place.",
    ),
    "same_in_both_orders": Term(
        "same choice in both orders", "Share of pairs judged alike in either order."
    ),
    "longer_chosen": Term(
        "longer, and chosen", "Of the decided votes, the share for the explanation with more words."
    ),
    "acceptance": Term("acceptance", "Share of votes that accept emotion and explanation."),
    "chosen": Term("share of votes", "Share of the votes that this answer got."),
    "verdicts_read": Term("verdicts read", "Share of the judge's answers that gave a verdict."),
    "gold_accuracy": Term(
        "known answers met", "Share of votes on items with a known right answer that gave it."
    ),
    "krippendorff_alpha_interval": Term(
        "Krippendorff's alpha (scale)",
        "How far raters agree on a scale beyond chance: 1 is full agreement, 0 what chance would "
        "give.",
        percent=False,
        digits=3,
    ),
}
"""What people and judges say of reasons and recordings."""

METRICS: dict[str, Term] = {
    **_SCORES,
    **ANNOTATOR_AWARE,
    **MULTILABEL,
    **MULTILABEL_BY_CLASS,
    **DISTRIBUTION,
    **AGREEMENT,
    **ATTRIBUTES,
    **TRANSCRIPTS,
    **RATING,
}
"""All metrics with a name of their own, in the order in which tables show them."""


def measure(name: str) -> str:
    """The unit in which values of a metric are written; ``no unit`` for a plain ratio.

    Example:
        >>> measure("macro_f1"), measure("kld"), measure("krippendorff_alpha")
        ('%', 'nats', 'no unit')
    """
    found = METRICS.get(name)
    if found is None or found.percent:
        return "%"
    return found.unit or "no unit"


GIVEN = "given"
"""The reference of rows that were held against the labels of the corpus."""

REFERENCES = {
    GIVEN: "the labels as given",
    "majority": "the majority of the votes",
    "plurality": "the plurality of the votes",
    "all_inclusive": "the votes, all-inclusive",
    "dawid_skene": "the votes weighted by reliability (Dawid–Skene)",
    "votes": "all votes",
    "votes > 1/C": "labels with more than 1/C of the votes",
    "votes > 0.5": "labels with more than half of the votes",
    "votes > 1/(C-1)": "labels with more than 1/(C−1) of the votes",
    "other listeners": "the other listeners",
    "the other half": "the other half of the listeners",
}
"""From the name of a reference in the estimates to its name in words."""


def reference(name: str | None) -> str:
    """What answers were held against, in words; an unknown name stands for itself.

    Example:
        >>> reference("majority"), reference(None), reference("my rule")
        ('the majority of the votes', 'the labels as given', 'my rule')
    """
    given = name or GIVEN
    return REFERENCES.get(given, given)


_RULES = {
    GIVEN: "as given",
    "majority": "majority",
    "plurality": "plurality",
    "all_inclusive": "all-inclusive",
    "dawid_skene": "Dawid–Skene",
}


def rule(name: str | None) -> str:
    """What a rule that makes labels out of votes is called; an unknown one keeps its name.

    Example:
        >>> rule("majority"), rule("dawid_skene")
        ('majority', 'Dawid–Skene')
    """
    given = name or GIVEN
    return _RULES.get(given, given)
