"""What every classifier that is a network of ours does alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError
from equivoice.models.classifiers.files import SavedClassifier, stored_names, write_classifier
from equivoice.models.classifying import Sample
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch
    from torch.nn import Module, Parameter

__all__ = ["NetworkClassifier"]


class NetworkClassifier(ABC):
    """A network behind :class:`~equivoice.models.classifying.ClassifyingBackend`.

    A kind of network gives :meth:`class_logits`; and where it begins with a pretrained
    one, ``pretrained`` and ``base``.

    Args:
        model: all weights; those that require a gradient are trained.
        label_space: its labels.
        system: by which name and with which options it is made again.
        options: see ``system``.
        name: of the classifier.
        modality: what it is given.

    Attributes:
        pretrained: prefixes of the names of pretrained weights; those of them that are
            not trained are not saved.
        base: from the name of each pretrained model to the hash of its weights.
    """

    pretrained: tuple[str, ...] = ()
    base: Mapping[str, str | None] = {}

    def __init__(
        self,
        model: Module,
        label_space: LabelSpace,
        *,
        system: str,
        options: Mapping[str, Any],
        name: str,
        modality: str = "speech",
    ) -> None:
        self.model = model
        self.label_space = label_space
        self.system = system
        self.options = dict(options)
        self.name = name
        self.modality = modality
        self.modalities = frozenset({modality})

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.model.parameters()).device

    @abstractmethod
    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, (n, C) float32; see ``ClassifyingBackend``."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """What is to be said of this kind of network, as JSON can hold it."""

    def frozen_parts(self) -> list[Module]:
        """Parts that stay without dropout while the rest is trained."""
        return []

    def trained_parameters(self) -> Mapping[str, Parameter]:
        """Those that are trained, by their names in ``model``."""
        return {
            name: parameter
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }

    def training_mode(self, on: bool) -> None:
        """Switch dropout and augmentation on or off; what is frozen stays without dropout."""
        self.model.train(on)
        for part in self.frozen_parts():
            part.eval()

    def keep_sounds(self, cache: Any) -> None:
        """Keep nothing, unless the kind of network knows what."""
        del cache

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``weights.safetensors``; see ``ClassifyingBackend``.

        Raises:
            StorageError: it could not be written.
        """
        state = self.model.state_dict()
        saved = SavedClassifier(
            self.system, self.options, self.name, self.label_space, self.modality, self.base
        )
        write_classifier(folder, saved, {name: state[name] for name in stored_names(self)})

    def describe(self) -> Mapping[str, Any]:
        """Architecture, numbers of weights, device, and the facts of this kind of network."""
        weights = list(self.model.parameters())
        trained = [each for each in weights if each.requires_grad]
        return {
            "architecture": type(self.model).__name__,
            "system": self.system,
            "options": self.options,
            "modality": self.modality,
            "parameters": sum(each.numel() for each in weights),
            "trained_parameters": sum(each.numel() for each in trained),
            "dtype": str(weights[0].dtype).removeprefix("torch."),
            "device": str(self.device),
            **self.facts(),
        }

    def check(self, samples: Sequence[Sample]) -> None:
        """Refuse samples that lack what the modality needs.

        Raises:
            ConfigError: one does; it is named.
        """
        if not samples:
            raise ConfigError("there are no samples to classify")
        for sample in samples:
            lacks = [
                what
                for what, value in (("speech", sample.clip), ("transcript", sample.transcript))
                if what in self.modality.split("+") and value is None
            ]
            if lacks:
                raise ConfigError(
                    f"{sample.utterance_id} has no {lacks[0]}, which {self.name} is given",
                    value=self.modality,
                )
