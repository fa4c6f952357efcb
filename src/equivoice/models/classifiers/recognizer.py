"""A trained classifier as a recogniser: the system ``classifier``.

Utterances are run in batches of like length. The next batch is decoded while this one is
run, so that neither the model nor the disk waits for the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl

from equivoice.audio.decode import probe
from equivoice.errors import ConfigError, InputError
from equivoice.models.classifiers.files import load_classifier
from equivoice.models.classifying import ClassifyingBackend, Sample
from equivoice.models.hearing.encoders import by_length
from equivoice.models.language import Clip
from equivoice.models.protocols import FloatArray, cuts_of
from equivoice.records import LabelSpace

__all__ = ["ClassifierRecognizer", "Listens", "TrainedClassifier", "samples_of"]

_FRAME_SECONDS = 0.02


@runtime_checkable
class Listens(Protocol):
    """A classifier that can hear clips before they are classified."""

    def listen(self, samples: Sequence[Sample]) -> None:
        """Decode clips and keep what was heard until they are classified.

        A clip that cannot be used is left for ``class_logits`` to say so.
        """


class ClassifierRecognizer:
    """An :class:`~equivoice.models.EmotionRecognizer` out of a trained classifier.

    Args:
        backend: the classifier.
        batch: the most utterances that go through it at once.
        name: of the system; ``None`` for the classifier's own.

    Raises:
        ConfigError: a batch below 1.
    """

    def __init__(
        self, backend: ClassifyingBackend, *, batch: int = 32, name: str | None = None
    ) -> None:
        if batch < 1:
            raise ConfigError("batch is below 1", value=batch)
        self.backend = backend
        self.batch = batch
        self.name = name or backend.name

    @property
    def label_space(self) -> LabelSpace:
        """The labels that it knows, in the order of its probabilities."""
        return self.backend.label_space

    @property
    def modality(self) -> str:
        """What of an utterance it is given."""
        return _modality(self.backend)

    def describe(self) -> Mapping[str, Any]:
        """What the classifier says of itself."""
        return self.backend.describe()

    def cuts(self) -> Mapping[str, int]:
        """What the classifier cut so far."""
        return cuts_of(self.backend)

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        """Probabilities of the labels, (n, C) float64: the softmax of the logits.

        Args:
            utterances: with ``audio``, ``transcript`` or both, as the classifier needs.

        Raises:
            AudioError: a sound cannot be used.
            InputError: an utterance lacks what the classifier needs.
        """
        found = np.zeros((utterances.height, len(self.label_space.names)))
        if not utterances.height:
            return found
        samples = samples_of(utterances, _modality(self.backend))
        groups = by_length([_length(sample) for sample in samples], most=self.batch)
        with self._answering():
            for group in self._heard_ahead(samples, groups):
                logits = self.backend.class_logits([samples[row] for row in group])
                found[group] = logits.double().softmax(dim=1).cpu().numpy()
        return found

    def _heard_ahead(
        self, samples: Sequence[Sample], groups: Sequence[list[int]]
    ) -> Iterator[list[int]]:
        """The groups in order, each heard while the one before is run."""
        if not isinstance(self.backend, Listens) or len(groups) == 1:
            yield from groups
            return
        with ThreadPoolExecutor(1) as pool:
            coming = None
            for group, following in pairwise([*groups, None]):
                if coming is not None:
                    coming.result()
                if following is not None:
                    coming = pool.submit(self.backend.listen, [samples[row] for row in following])
                yield group or []

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Without gradients and dropout, and as it was thereafter."""
        import torch

        training = self.backend.model.training
        self.backend.training_mode(on=False)
        try:
            with torch.inference_mode():
                yield
        finally:
            if training:
                self.backend.training_mode(on=True)


class TrainedClassifier(ClassifierRecognizer):
    """A classifier that was trained here, by its folder: ``classifier``.

    Args:
        model: the folder, such as ``OUT/best`` of a training.
        name: of the system; ``None`` for that which it was trained as.
        device: ``auto`` is the first GPU where there is one.
        batch: the most utterances that go through it at once.
        base: where the pretrained model lies now; ``None`` for where it lay.

    Raises:
        ConfigError: the folder holds no classifier, or a damaged one.
        MissingDependencyError: torch is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        device: str = "auto",
        batch: int = 32,
        base: str | None = None,
    ) -> None:
        elsewhere = {} if base is None else {"model": base}
        backend = load_classifier(Path(model).expanduser(), device=device, **elsewhere)
        super().__init__(backend, batch=batch, name=name)


def samples_of(utterances: pl.DataFrame, modality: str) -> list[Sample]:
    """Rows of an utterances table as a classifier is given them.

    Args:
        utterances: with the columns that the modality needs.
        modality: ``speech``, ``transcript`` or ``speech+transcript``.

    Raises:
        InputError: an utterance has no sound, or no transcript, and needs it.

    Example:
        >>> rows = pl.DataFrame({"utterance_id": ["a/1"], "transcript": ["Oh!"]})
        >>> samples_of(rows, "transcript")
        [Sample(utterance_id='a/1', clip=None, transcript='Oh!')]
    """
    wanted = {"speech": "audio", "transcript": "transcript"}
    needed = [wanted[part] for part in modality.split("+")]
    for column in needed:
        if column not in utterances.columns:
            raise InputError(
                f"the utterances have no column that a classifier of {modality} needs",
                column=column,
                choices=utterances.columns,
            )
    known = [name for name in ("utterance_id", "start", "end") if name in utterances.columns]
    samples = []
    for row in utterances.select(*known, *needed).iter_rows(named=True):
        for column in needed:
            if row[column] is None:
                raise InputError(
                    f"{row['utterance_id']} has no value here, and a classifier of {modality} "
                    "needs one",
                    column=column,
                )
        clip = None
        if "audio" in needed:
            clip = Clip(str(row["audio"]), row.get("start"), row.get("end"))
        samples.append(Sample(row["utterance_id"], clip, row.get("transcript")))
    return samples


def _modality(backend: ClassifyingBackend) -> str:
    """The one that it was trained on; of several, that with most in it."""
    own = getattr(backend, "modality", None)
    return str(own) if own else max(sorted(backend.modalities), key=len)


def _length(sample: Sample) -> int:
    """How long a sample is, in frames or letters: what is of like length goes together."""
    if sample.clip is None:
        return len(sample.transcript or "")
    end = sample.clip.end
    seconds = probe(sample.clip.path).duration if end is None else end
    return max(1, round((seconds - (sample.clip.start or 0.0)) / _FRAME_SECONDS))
