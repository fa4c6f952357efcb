"""What a classifier of utterances must be able to do to be trained: logits over labels.

Three values lead from a name to predictions:

- :class:`Classifiable`: a system before it is fitted. It knows its architecture and where
  its pretrained weights come from, and no labels.
- :class:`ClassifyingBackend`: a network for the labels of one corpus, with what of it is
  trained. It knows no objective and no optimiser: it gives logits, and ``training``
  weighs them.
- :class:`~equivoice.models.protocols.EmotionRecognizer`: what a trained one is to the
  rest, by ``models.classifiers.recognizer``.

One contract suite, ``tests/contract/test_classifying_backends.py``, tests all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from equivoice.models.language import Clip
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch
    from torch.nn import Parameter

__all__ = ["Calibrates", "Classifiable", "ClassifyingBackend", "Sample"]


@dataclass(frozen=True)
class Sample:
    """One utterance as it is put to a classifier.

    Args:
        utterance_id: the utterance.
        clip: its sound; ``None`` where the modality is ``transcript``.
        transcript: its words; ``None`` where the modality is ``speech``.
    """

    utterance_id: str
    clip: Clip | None = None
    transcript: str | None = None


@runtime_checkable
class ClassifyingBackend(Protocol):
    """A network that turns utterances into logits over its labels, and can be trained."""

    @property
    def name(self) -> str:
        """The name of the system, as it stands in tables and reports."""

    @property
    def label_space(self) -> LabelSpace:
        """The C labels that it knows, in the order of its logits."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it can be given: of ``speech``, ``speech+transcript``, ``transcript``."""

    @property
    def model(self) -> torch.nn.Module:
        """All of its weights, also those that are frozen."""

    @property
    def device(self) -> torch.device:
        """Where its weights are."""

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, run together as one batch; differentiable.

        What is frozen and comes before all that is trained is run without a graph.
        Nothing depends on the other samples of the batch, nor on what was asked before
        (so there are no running statistics), but for the random numbers of dropout and
        augmentation in training mode. Those are drawn from torch's global stream,
        numpy's or :mod:`random`, which the caller seeds, and from nowhere else.

        Args:
            samples: n of them; sound longer than the limit of the system is cut or
                refused, as its options say.

        Returns:
            (n, C) float32, in the order of ``label_space``.

        Raises:
            AudioError: a sound cannot be used; it is named.
            ConfigError: a sample lacks what the modality needs.
        """

    def trained_parameters(self) -> Mapping[str, Parameter]:
        """Those that are trained, by their names in ``model``, in float32 and in its order.

        All other parameters of ``model`` require no gradient.
        """

    def training_mode(self, on: bool) -> None:
        """Switch dropout and augmentation on or off; what is frozen stays without dropout."""

    def keep_sounds(self, cache: Any) -> None:
        """Keep what the frozen part makes of each clip, wherever nothing in it is trained.

        A system that has no such part, or augments the sound before it, keeps nothing.

        Args:
            cache: a :class:`~equivoice.models.hearing.sound_cache.SoundCache`; ``None``: nowhere.
        """

    def save(self, folder: Path) -> None:
        """Write all that :func:`~equivoice.models.classifiers.files.load_classifier` needs.

        ``config.json`` (architecture, labels, modality, name) and ``weights.safetensors``
        (what is trained). Weights of a foreign model that are not trained are named by
        path and hash.

        Args:
            folder: exists, and is empty.

        Raises:
            StorageError: it could not be written.
        """

    def describe(self) -> Mapping[str, Any]:
        """What a run record must know of it, as JSON can hold it.

        Architecture, where pretrained weights come from and their hash, dtype, device,
        how many numbers there are and how many are trained, the limit on sound, pooling.
        """


@runtime_checkable
class Calibrates(Protocol):
    """A classifier that hears some training speech before the first step.

    Where no weights are pretrained, each channel begins with mean 0 and variance 1 over
    that speech, as under batch norm; thereafter no utterance depends on another one.
    """

    def calibrate(self, samples: Sequence[Sample]) -> None:
        """Set first weights from utterances of the training part; nothing random.

        Args:
            samples: some tens of utterances, without labels.

        Raises:
            AudioError: a sound cannot be used.
        """


@runtime_checkable
class Classifiable(Protocol):
    """A system before it is fitted: a network for any labels."""

    @property
    def name(self) -> str:
        """The name of the system; its classifiers bear it too."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it can be given: of ``speech``, ``speech+transcript``, ``transcript``."""

    def classifier(self, label_space: LabelSpace, *, seed: int) -> ClassifyingBackend:
        """A new network for these labels.

        Args:
            label_space: its C labels.
            seed: all first weights that are not pretrained derive from it, whatever the
                state of torch's global stream, which is left as it was.

        Raises:
            ConfigError: pretrained weights that are not there or do not fit.
        """
