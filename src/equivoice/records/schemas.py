"""The tables that cross a border between rooms, column by column.

Times are in seconds, shares and metric values in fractions of 1, never in per
cent. Null means *not known* or *does not apply*; a reason stands beside it
where one is needed (``status``, ``undefined``).
"""

from __future__ import annotations

import polars as pl

from equivoice.records.schema import Column, Schema

__all__ = [
    "CHANNELS",
    "ESTIMATES",
    "FOLDS",
    "ITEMS",
    "MODALITIES",
    "PREDICTIONS",
    "QUANTITIES",
    "QUESTIONS",
    "REFERENCES",
    "SPLITS",
    "STATUSES",
    "TIMINGS",
    "TRAINING_EVALUATIONS",
    "TRAINING_LOSSES",
    "TRAINING_STEPS",
    "UTTERANCES",
    "VOTES",
]

SPLITS = ("train", "validation", "test")
CHANNELS = ("voice", "face", "both", "text")
MODALITIES = ("speech", "speech+transcript", "transcript")
STATUSES = ("parsed", "ambiguous", "refused", "unparsed", "failed")
QUANTITIES = (
    "score",  # one system, all speakers
    "group_score",  # one system, one group
    "pair_gap",  # signed difference of two groups, first minus second
    "gap",  # unsigned, aggregated over groups (and classes)
    "worst_group",  # the lowest group score (highest, where lower is better)
    "confusion",  # share of a reference class that was given a predicted class
    "comparison",  # signed difference of two systems on the same utterances
)
REFERENCES = (
    "given",  # the labels of the reference table
    "majority",  # the label above half of the votes
    "plurality",  # the label with most votes, where it is the only one
    "all_inclusive",  # all votes; the label with most of them, where one is asked for
    "dawid_skene",  # votes weighted by how reliable the raters are
    "votes",  # all votes as they are: distributions, agreement, annotator-aware scores
    "votes > 1/C",  # the labels with more than this share of the votes
    "votes > 0.5",
    "votes > 1/(C-1)",
    "other listeners",  # a listener against the others who heard the same
    "the other half",  # half of the listeners against the other half
)
QUESTIONS = {  # what a vote may say: one label, several, or a point on a scale
    "emotion": "single",
    "emotions": "multiple",
    "valence": "scale",
    "arousal": "scale",
    "dominance": "scale",
    "level": "scale",  # how strong the emotion is (CREMA-D)
}

_TEXT = pl.String()
_NUMBER = pl.Float64()
_COUNT = pl.Int64()
_TEXTS = pl.List(pl.String())
_NUMBERS = pl.List(pl.Float64())


def _id(doc: str) -> Column:
    return Column("utterance_id", _TEXT, doc, required=True, nullable=False)


UTTERANCES = Schema(
    "utterances",
    1,
    (
        _id("corpus/key, unique"),
        Column("corpus", _TEXT, "the name of the corpus"),
        Column("audio", _TEXT, "path of the sound, relative to the table's folder or absolute"),
        Column("start", _NUMBER, "start within the sound file, in seconds", low=0),
        Column("end", _NUMBER, "end within the sound file, in seconds", low=0),
        Column("duration", _NUMBER, "length in seconds", low=0),
        Column("language", _TEXT, "language as BCP 47 tag"),
        Column("transcript", _TEXT, "what is said"),
        Column("speaker", _TEXT, "who speaks, unique within the corpus"),
        Column("gender", _TEXT, "female, male, or as given; null where unknown"),
        Column("age", _NUMBER, "age of the speaker in years", low=0, high=130),
        Column("race", _TEXT, "race as the corpus states it"),
        Column("ethnicity", _TEXT, "ethnicity as the corpus states it"),
        Column("dialogue", _TEXT, "the dialogue that the utterance stands in"),
        Column("turn", _COUNT, "position within the dialogue"),
        Column("emotion", _TEXT, "reference label; null where raters do not agree"),
        Column("valence", _NUMBER, "valence on the scale that the card states"),
        Column("arousal", _NUMBER, "arousal on the scale that the card states"),
        Column("dominance", _NUMBER, "dominance on the scale that the card states"),
    ),
    key=("utterance_id",),
    open=True,
)

FOLDS = Schema(
    "folds",
    1,
    (
        _id("corpus/key of an utterance"),
        Column("fold", _TEXT, "name of the fold, such as 1", required=True, nullable=False),
        Column(
            "split",
            _TEXT,
            "train, validation or test",
            required=True,
            nullable=False,
            choices=SPLITS,
        ),
    ),
    key=("utterance_id", "fold"),
)

ITEMS = Schema(
    "items",
    1,
    (
        Column("item", _TEXT, "name of the item", required=True, nullable=False),
        Column("utterance_id", _TEXT, "the utterance that it belongs to"),
        Column("channel", _TEXT, "what was perceived", choices=CHANNELS),
        Column("system_a", _TEXT, "the first system shown"),
        Column("system_b", _TEXT, "the second system shown"),
        Column("shown", _TEXT, "the text or file that was shown"),
    ),
    key=("item",),
)

VOTES = Schema(
    "votes",
    1,
    (
        Column("item", _TEXT, "an item, or an utterance_id", required=True, nullable=False),
        Column("channel", _TEXT, "what was perceived", choices=CHANNELS),
        Column("rater", _TEXT, "who judged; null where only counts are known"),
        Column("kind", _TEXT, "person or model", choices=("person", "model")),
        Column("question", _TEXT, "what was asked, such as emotion", required=True, nullable=False),
        Column("value", _TEXT, "the choice"),
        Column("number", _NUMBER, "the point on a scale"),
        Column("count", _COUNT, "how many votes this row stands for", low=0),
    ),
)

PREDICTIONS = Schema(
    "predictions",
    1,
    (
        _id("corpus/key of an utterance"),
        Column("system", _TEXT, "name of the system"),
        Column("prompt", _TEXT, "name of the prompt"),
        Column("options", _TEXTS, "the options as displayed, in order"),
        Column("temperature", _NUMBER, "sampling temperature", low=0),
        Column("run", _COUNT, "number of the run, from 0", low=0),
        Column("fold", _TEXT, "the fold that the utterance was tested in"),
        Column("modality", _TEXT, "what the system was given", choices=MODALITIES),
        Column("label_space", _TEXT, "id of the label space"),
        Column("response", _TEXT, "the raw answer"),
        Column("status", _TEXT, "what became of the answer", choices=STATUSES),
        Column("emotion", _TEXT, "the label; null unless status is parsed"),
        Column("emotions", _TEXTS, "the labels, for multi-label decisions"),
        Column("probabilities", _NUMBERS, "over the label space, in its order"),
        Column("outside", _NUMBER, "probability mass outside the options", low=0, high=1),
        Column("valence", _NUMBER, "predicted valence"),
        Column("arousal", _NUMBER, "predicted arousal"),
        Column("dominance", _NUMBER, "predicted dominance"),
        Column("transcript", _TEXT, "what the system heard"),
        Column("reason", _TEXT, "why, in the system's words"),
        Column("seed", pl.UInt64(), "the seed of this sample"),
    ),
    key=(
        "utterance_id",
        "system",
        "prompt",
        "options",
        "temperature",
        "run",
        "fold",
        "modality",
    ),
    open=True,
)

TIMINGS = Schema(
    "timings",
    1,
    (
        Column("system", _TEXT, "name of the system", required=True, nullable=False),
        Column("corpus", _TEXT, "name of the corpus"),
        Column("fold", _TEXT, "name of the fold"),
        Column(
            "stage", _TEXT, "what was timed: fit, predict or ask", required=True, nullable=False
        ),
        Column("utterances", _COUNT, "how many utterances were worked on", low=0),
        Column("seconds", _NUMBER, "wall-clock seconds", low=0),
        Column("cost", _NUMBER, "money spent, in US dollars", low=0),
    ),
)

ESTIMATES = Schema(
    "estimates",
    1,
    (
        Column(
            "quantity", _TEXT, "kind of number", required=True, nullable=False, choices=QUANTITIES
        ),
        Column("metric", _TEXT, "name of the metric", required=True, nullable=False),
        Column("convention", _TEXT, "named set of rules it follows"),
        Column(
            "reference",
            _TEXT,
            "what answers were held against: given labels (also null), or a rule on votes",
            choices=REFERENCES,
        ),
        Column("group_aggregator", _TEXT, "how groups were combined"),
        Column("class_aggregator", _TEXT, "how classes were combined"),
        Column("corpus", _TEXT, "name of the corpus; 'all' when pooled"),
        Column("fold", _TEXT, "name of the fold; 'all' when pooled"),
        Column("system", _TEXT, "name of the system; 'A − B' in a comparison"),
        Column("prompt", _TEXT, "name of the prompt"),
        Column("label_order", _TEXT, "the options as displayed, joined by |"),
        Column("temperature", _NUMBER, "sampling temperature"),
        Column("modality", _TEXT, "what the system was given"),
        Column("run", _TEXT, "number of the run; 'all' when pooled"),
        Column("group_by", _TEXT, "the attribute, such as gender or 'gender x age'"),
        Column("groups", _TEXT, "the group, or 'first − second' for a signed difference"),
        Column("class", _TEXT, "the class that the number is about"),
        Column("predicted_class", _TEXT, "in a confusion: the predicted class"),
        Column("value", _NUMBER, "the estimate, as a fraction of 1"),
        Column("low", _NUMBER, "lower end of the interval"),
        Column("high", _NUMBER, "upper end of the interval"),
        Column("level", _NUMBER, "nominal coverage of the interval", low=0, high=1),
        Column("method", _TEXT, "how the interval was made"),
        Column("unit", _TEXT, "what was resampled: speaker or utterance"),
        Column("n", _COUNT, "how many predictions went in", low=0),
        Column("clusters", _COUNT, "how many units were resampled", low=0),
        Column("sd_folds", _NUMBER, "standard deviation over folds (ddof 1)"),
        Column("sd_runs", _NUMBER, "standard deviation over runs (ddof 1)"),
        Column("sd_orders", _NUMBER, "standard deviation over label orders (ddof 1)"),
        Column("p_value", _NUMBER, "permutation test of no difference", low=0, high=1),
        Column("p_floor", _NUMBER, "smallest p that the test could give", low=0, high=1),
        Column("detectable", _NUMBER, "smallest difference found with 80 % power", low=0),
        Column("noise_floor", _NUMBER, "value to expect if the groups did not differ", low=0),
        Column("left_out", _TEXT, "JSON object: what was left out, and how many"),
        Column("undefined", _TEXT, "why value or interval is missing"),
    ),
)

TRAINING_STEPS = Schema(
    "training_steps",
    1,
    (
        Column("step", _COUNT, "number of the step, from 1", required=True, nullable=False, low=0),
        Column("epoch", _COUNT, "the epoch it belongs to, from 1", low=0),
        Column("loss", _NUMBER, "mean loss of the items of the effective batch"),
        Column("penalty", _NUMBER, "the gap to the power p, unweighted; null without a gap", low=0),
        Column("weight", _NUMBER, "the weight λ on the penalty in this step", low=0),
        Column("gap", _NUMBER, "the worst cell's gap in loss; null where no cell has one", low=0),
        Column("worst_cell", _TEXT, "the cell that has this gap"),
        Column("lr", _NUMBER, "learning rate of this step", low=0),
        Column("items", _COUNT, "how many items the effective batch holds", low=0),
        Column("grad_norm", _NUMBER, "norm of the gradient before clipping", low=0),
    ),
    key=("step",),
)

TRAINING_LOSSES = Schema(
    "training_losses",
    1,
    (
        Column(
            "step", _COUNT, "the step; 0 before the first", required=True, nullable=False, low=0
        ),
        Column(
            "split",
            _TEXT,
            "whose losses: of the batch trained on, or of the validation part",
            required=True,
            nullable=False,
            choices=("train", "validation"),
        ),
        Column("cell", _TEXT, "the cell, such as a language"),
        Column("group", _TEXT, "the group; null for items without one"),
        Column("loss", _NUMBER, "mean loss of these items"),
        Column("n", _COUNT, "how many items", low=0),
    ),
    key=("step", "split", "cell", "group"),
)

TRAINING_EVALUATIONS = Schema(
    "training_evaluations",
    1,
    (
        Column(
            "step", _COUNT, "the step; 0 before the first", required=True, nullable=False, low=0
        ),
        Column("epoch", _COUNT, "epochs that were whole by then", low=0),
        Column("metric", _TEXT, "what was measured on the validation part", required=True),
        Column("cell", _TEXT, "the cell; null for all of them together"),
        Column("group", _TEXT, "the group; null for all of them together"),
        Column("value", _NUMBER, "the value; null where it is undefined"),
        Column("n", _COUNT, "how many items went in", low=0),
        Column("best", pl.Boolean(), "whether this evaluation is the best one so far"),
    ),
    key=("step", "metric", "cell", "group"),
)
