"""Lines in three languages, asked with and without transcript; and their gaps by other packages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import polars as pl
from fairlearn import metrics as fl
from sklearn import metrics as sk

from equivoice.corpora import Corpus, label_space
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.studies.gender_gap.reading import MODALITIES, Answers

LANGUAGES = ("de", "en", "ja")
EMOTIONS = ("angry", "happy", "neutral", "sad")
MEASURES = ("tpr_gap", "fpr_gap", "w_f1_gap", "acc_gap")


# ------------------------------------------------------------------------- a corpus and its model


def three_languages(*, speakers: int = 6, each: int = 4, name: str = "made") -> Corpus:
    """So many women and men in each language; each says every emotion so often."""
    speech = pl.DataFrame(
        {
            "utterance_id": f"{name}/{tag}-{gender[0]}{speaker}-{emotion}-{take}",
            "audio": f"/sound/{tag}-{gender[0]}{speaker}-{emotion}-{take}.wav",
            "duration": 2.0,
            "language": tag,
            "speaker": f"{tag}-{gender[0]}{speaker}",
            "gender": gender,
            "transcript": "Kids are talking by the door.",
            "emotion": emotion,
        }
        for tag in LANGUAGES
        for gender in ("female", "male")
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for take in range(each)
    )
    folds = speech.select("utterance_id", fold=pl.lit("1"), split=pl.lit("test"))
    return Corpus(name, label_space(list(EMOTIONS), id=name), speech, folds)


def biased(
    corpus: Corpus, accuracy: Mapping[str, float], *, name: str = "llm", seed: int = 0
) -> ScriptedLanguageModel:
    """Right in .8 of what men say, and of what women say as often as is given by language."""
    hard = [
        row["utterance_id"]
        for row in corpus.utterances.iter_rows(named=True)
        if row["gender"] == "female" and not _right(row["utterance_id"], accuracy[row["language"]])
    ]
    return ScriptedLanguageModel(
        dict(corpus.utterances.select("utterance_id", "emotion").iter_rows()),
        name=name,
        accuracy=0.8,
        hard_on=hard,
        hard_accuracy=0.0,
        wordings={"exact": 0.9, "gibberish": 0.1},
        words=list(EMOTIONS),
        seed=seed,
    )


def _right(utterance: str, share: float) -> bool:
    """Whether an utterance is among the share, by its name."""
    return sum(map(ord, utterance)) * 37 % 100 < share * 100


def random_answers(
    seed: int,
    *,
    speakers: int = 6,
    each: int = 8,
    languages: Sequence[str] = LANGUAGES,
    modalities: Sequence[str] = MODALITIES,
    genders: Sequence[str] = ("female", "male"),
    right: Callable[[str, str, str], float] = lambda *_: 0.6,
    shared: bool = False,
    unread: float = 0.05,
) -> Answers:
    """Answers drawn anew; ``right(language, gender, modality)`` is how often they are right.

    Where speakers are shared, each of them speaks all languages.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for tag, gender, speaker in itertools.product(languages, genders, range(speakers)):
        who = f"{gender[0]}{speaker}" if shared else f"{tag}-{gender[0]}{speaker}"
        for n, modality in itertools.product(range(each), modalities):
            truth = EMOTIONS[n % len(EMOTIONS)]
            said: str | None = truth
            if rng.random() >= right(tag, gender, modality):
                said = str(rng.choice([name for name in EMOTIONS if name != truth]))
            said = None if rng.random() < unread else said
            key = f"made/{tag}-{gender}{speaker}-{n}"
            rows.append((key, "made", who, modality, truth, said, gender, tag))
    names = ["utterance_id", "corpus", "speaker", "modality", "reference", "predicted"]
    frame = pl.DataFrame(rows, schema=[*names, "group", "cell"], orient="row")
    labels = label_space(list(EMOTIONS), id="made")
    return Answers("llm", "direct", None, 0.0, labels, frame, {})


# ------------------------------------------------------------------------------ by other packages


def by_other_packages(frame: pl.DataFrame, labels: Iterable[str]) -> dict[str, float]:
    """Scores and gaps of one cell in one modality, by scikit-learn and fairlearn."""
    truth = frame["reference"].to_numpy()
    said = frame["predicted"].fill_null("(unread)").to_numpy()
    groups = pd.Series(frame["group"].to_list())
    names = list(labels)

    def weighted(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(sk.f1_score(y_true, y_pred, labels=names, average="weighted", zero_division=0))

    def gap(score: Callable[..., float], y_true: np.ndarray, y_pred: np.ndarray) -> float:
        made = fl.MetricFrame(
            metrics=score, y_true=y_true, y_pred=y_pred, sensitive_features=groups
        )
        return float(made.difference(method="between_groups"))

    def rates(score: Callable[..., float]) -> float:
        """Mean over emotions, one against the rest."""
        parts = [gap(score, truth == name, said == name) for name in names]
        return math.fsum(parts) / len(parts)

    found = {
        "weighted_f1": weighted(truth, said),
        "accuracy": float(sk.accuracy_score(truth, said)),
        "tpr_gap": rates(lambda t, p: fl.true_positive_rate(t, p, pos_label=True)),
        "fpr_gap": rates(lambda t, p: fl.false_positive_rate(t, p, pos_label=True)),
        "w_f1_gap": gap(weighted, truth, said),
        "acc_gap": gap(sk.accuracy_score, truth, said),
    }
    return found | {"avg_gap": math.fsum(found[name] for name in MEASURES) / 4}


def over_languages(by_cell: Sequence[Mapping[str, float]], aggregator: str) -> dict[str, float]:
    """The row of all languages, written out: scores are means, AVG is the mean of the four gaps."""
    n = len(by_cell)
    combine: dict[str, Callable[[list[float]], float]] = {
        "mean": lambda each: math.fsum(each) / n,
        "rms": lambda each: math.sqrt(math.fsum(x * x for x in each) / n),
        "max": max,
    }
    found = {name: combine[aggregator]([cell[name] for cell in by_cell]) for name in MEASURES}
    scores = {
        name: math.fsum(cell[name] for cell in by_cell) / n for name in ("weighted_f1", "accuracy")
    }
    return scores | found | {"avg_gap": math.fsum(found.values()) / 4}
