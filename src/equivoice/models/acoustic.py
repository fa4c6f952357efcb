"""The acoustic baseline: measures of the voice and a classifier from scikit-learn.

What is measured stands in :mod:`equivoice.audio.feature_set`; how the classifier
is chosen, and that only training speakers take part, in
:mod:`equivoice.models.acoustic_selection`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from equivoice.audio.feature_set import FEATURE_SET
from equivoice.errors import InputError, LabelError
from equivoice.models.acoustic_features import FeatureTable, acoustic_features
from equivoice.models.acoustic_selection import (
    CANDIDATES,
    Choice,
    Classifier,
    Indices,
    choose,
    fit_classifier,
    soften,
    steady_fitting,
)
from equivoice.models.acoustic_speakers import SpeakerNorms, speaker_keys
from equivoice.models.protocols import FloatArray
from equivoice.records import LabelSpace
from equivoice.store.cache import ArrayCache

__all__ = ["AcousticBaseline", "FittedAcoustic"]

Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class AcousticBaseline:
    """Measures of the voice (pitch, level, rate, spectrum, quality) and a classifier.

    The classifier is chosen by speaker-disjoint cross-validation inside the
    training split; the validation split plays no part. Features that cannot be
    measured are replaced by the median of the training split, and counted.

    Args:
        speaker_normalised: centre and scale each feature within each speaker
            before all else. This is *transductive*: all utterances of a test
            speaker are looked at together, without labels, so the system
            answers "how does this speaker sound now, compared with the rest of
            what they said", and cannot be used on one utterance alone. Its
            name is another so that the two are never confused.
        workers: worker processes and threads; ``None`` for one a core. The
            answers do not depend on it.
        cache: folder of the feature cache; ``None`` for the usual one
            (``$EQUIVOICE_CACHE`` or ``~/.cache/equivoice``).
        watch: is told (done, all) while features are measured.

    Example:
        >>> AcousticBaseline(speaker_normalised=True).name
        'acoustic-speaker-normalised'
    """

    speaker_normalised: bool = False
    workers: int | None = None
    cache: str | Path | None = None
    watch: Watch | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """``acoustic``, or ``acoustic-speaker-normalised``."""
        return "acoustic-speaker-normalised" if self.speaker_normalised else "acoustic"

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,  # noqa: ARG002 - it plays no part
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> FittedAcoustic:
        """Measure the training utterances, choose a classifier, fit it.

        Args:
            train: rows of an utterances table. Those without ``emotion`` are
                left out and counted in ``selection``. Without ``speaker``,
                each utterance counts as a speaker of its own, and that is said.
            validation: plays no part.
            label_space: the labels to be told apart; labels that the training
                split lacks get probability 0.
            seed: of the assignment of speakers to inner folds.

        Raises:
            InputError: no labelled utterance, or no column that names it.
            LabelError: a label outside the label space.
            AudioError: a training sound cannot be used.
            MissingDependencyError: an extra is not installed.
        """
        labelled, labels = _labelled(train, label_space)
        table = self.measure(labelled)
        for fault in table.faults.values():
            raise fault
        speakers, unnamed = speaker_keys(labelled)
        values = table.values
        norms = SpeakerNorms.of(values, speakers) if self.speaker_normalised else None
        if norms is not None:
            values = norms.apply(values, speakers)
        size = len(label_space.names)
        threads = self._threads()
        choice = choose(values, labels, speakers, size=size, seed=seed, workers=threads)
        with steady_fitting():
            members = [
                (fit_classifier(member, values, labels, size=size), choice.temperatures[member])
                for member in choice.members
            ]
        counts = {
            "utterances": labelled.height,
            "left out, no emotion": train.height - labelled.height,
            "without speaker": unnamed,
        }
        selection = _selection(choice, table, labelled, counts, transductive=norms is not None)
        return FittedAcoustic(self, label_space, selection, members, norms)

    def watched(self, watch: Watch) -> AcousticBaseline:
        """The same baseline; it calls ``watch(done, all)`` while it measures utterances."""
        return replace(self, watch=watch)

    def measure(self, utterances: pl.DataFrame) -> FeatureTable:
        """The acoustic features of utterances; see ``acoustic_features``."""
        return acoustic_features(
            utterances, cache=ArrayCache(self.cache), workers=self.workers, progress=self.watch
        )

    def _threads(self) -> int:
        import joblib  # measured before, so it is there

        return int(joblib.cpu_count()) if self.workers is None else self.workers


@dataclass
class FittedAcoustic:
    """The acoustic baseline, fitted.

    Args:
        baseline: what was fitted.
        label_space: the labels, in the order of the probabilities.
        selection: every choice that was made, with its candidates.
        members: classifiers and their temperatures; the answer is the mean of
            their probabilities.
        norms: of the training speakers, where speakers are normalised; after
            :meth:`prepare` those of the test speakers too.
        imputed: from reason to the number of utterances for which features
            were replaced in the last call of :meth:`prepare` or :meth:`predict`.
    """

    baseline: AcousticBaseline
    label_space: LabelSpace
    selection: list[dict[str, Any]]
    members: list[tuple[Classifier, float]]
    norms: SpeakerNorms | None = None
    imputed: dict[str, int] = field(default_factory=dict)
    _prepared: SpeakerNorms | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The name of the system."""
        return self.baseline.name

    def prepare(self, utterances: pl.DataFrame) -> None:
        """Measure a whole test set at once, in parallel.

        With ``speaker_normalised`` the centre and scale of each test speaker
        are taken from here, so that they do not depend on batches. Sounds that
        cannot be used play no part; :meth:`predict` reports them.

        Raises:
            MissingDependencyError: an extra is not installed.
        """
        if not utterances.height:
            return
        table = self.baseline.measure(utterances)
        self.imputed = table.missing
        if self.norms is not None:
            speakers, _ = speaker_keys(utterances)
            self._prepared = self.norms.with_speakers(table.values, speakers)

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        """Probabilities of the labels, shape (n, K).

        With ``speaker_normalised``, speakers that :meth:`prepare` has not seen
        are normalised by their utterances in this call; a speaker with one
        utterance, or without a name, by all training speakers together.

        Raises:
            AudioError: a sound cannot be used.
            MissingDependencyError: an extra is not installed.
        """
        if not utterances.height:
            return np.zeros((0, len(self.label_space.names)))
        table = self.baseline.measure(utterances)
        for fault in table.faults.values():
            raise fault
        self.imputed = table.missing
        values = self._normalised(table.values, utterances)
        with steady_fitting():
            parts = [
                soften(classifier.scores(values), temperature)
                for classifier, temperature in self.members
            ]
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    def _normalised(self, values: FloatArray, utterances: pl.DataFrame) -> FloatArray:
        if self.norms is None:
            return values
        speakers, _ = speaker_keys(utterances)
        norms = self.norms.with_speakers(values, speakers, known=self._prepared)
        return norms.apply(values, speakers)


def _labelled(train: pl.DataFrame, space: LabelSpace) -> tuple[pl.DataFrame, Indices]:
    """The rows that have a label, and the labels' positions in the space."""
    for column in ("utterance_id", "audio", "emotion"):
        if column not in train.columns:
            raise InputError(
                "the training utterances lack a column", column=column, choices=train.columns
            )
    labelled = train.filter(pl.col("emotion").is_not_null())
    if not labelled.height:
        raise InputError("there is no labelled utterance to learn from", column="emotion")
    labels = labelled.get_column("emotion").to_list()
    positions = {name: number for number, name in enumerate(space.names)}
    for row, label in enumerate(labels, start=1):
        if label not in positions:
            raise LabelError(
                f"the label is not in the label space {space.id!r}",
                row=row,
                column="emotion",
                value=label,
                choices=space.names,
            )
    return labelled, np.array([positions[label] for label in labels], dtype=np.int64)


def _selection(
    choice: Choice,
    table: FeatureTable,
    labelled: pl.DataFrame,
    counts: dict[str, int],
    *,
    transductive: bool,
) -> list[dict[str, Any]]:
    """What was decided from data, for the run record."""
    where = {"split": "train", "speakers": _named_speakers(labelled)}
    groups = Counter(name.partition(".")[0] for name in table.names)
    features = {
        "what": "acoustic features",
        "candidates": [],
        "chosen": FEATURE_SET,
        "counts": counts,
        "features": dict(groups),
        "missing": "replaced by the median of the training split",
        "utterances with missing features": table.missing,
        "speaker normalisation": (
            "transductive: each speaker's own mean and standard deviation, test speakers included"
            if transductive
            else "none"
        ),
    }
    classifier = {
        "what": "classifier",
        "by": (
            f"macro-F1, pooled over {choice.folds} speaker-disjoint inner folds"
            if choice.folds
            else f"nothing could be tried: {choice.why_not}"
        ),
        "candidates": [{"name": name, "macro_f1": choice.scores.get(name)} for name in CANDIDATES],
        "chosen": choice.chosen,
    }
    temperatures = {
        "what": "temperature",
        "by": "log loss, pooled over the same inner folds",
        "candidates": [],
        "chosen": choice.temperatures,
    }
    return [entry | where for entry in (features, classifier, temperatures)]


def _named_speakers(labelled: pl.DataFrame) -> list[str]:
    if "speaker" not in labelled.columns:
        return []
    return [str(name) for name in labelled.get_column("speaker").drop_nulls().unique().sort()]
