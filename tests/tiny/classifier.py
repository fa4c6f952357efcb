"""A classifier small enough to be worked by hand: two numbers of the sound, one layer each way."""

from __future__ import annotations

import json
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from equivoice.models import Sample
from equivoice.records import Label, LabelSpace

__all__ = ["TinyClassifiable", "TinyClassifier", "load_tiny"]


class Network(torch.nn.Module):
    """Standardised pitch and length (or letters) → 4 → dropout → C; the first layer may be frozen."""

    def __init__(self, labels: int, dropout: float) -> None:
        super().__init__()
        self.body = torch.nn.Linear(2, 4)
        self.drop = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(4, labels)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.drop(self.body(given).tanh()))
        return found


@dataclass
class TinyClassifier:
    """A classifying backend over :class:`Network`."""

    name: str
    label_space: LabelSpace
    modalities: frozenset[str]
    model: Network
    frozen: bool = False
    heard: list[str] = field(default_factory=list)
    cache: Any = None
    calibrated_on: list[str] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        return self.model.head.weight.device

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        given = torch.tensor([self._numbers(each) for each in samples], dtype=torch.float32)
        found: torch.Tensor = self.model(given)
        return found

    def _numbers(self, sample: Sample) -> tuple[float, float]:
        self.heard.append(sample.utterance_id)
        if sample.clip is None:
            text = sample.transcript or ""
            return len(text) / 20, text.count("a") / 5
        with wave.open(sample.clip.path) as handle:
            frames = np.frombuffer(handle.readframes(handle.getnframes()), "<i2")
            crossings = np.diff(np.sign(frames.astype(float))) != 0
            rate = handle.getframerate()
        return (crossings.sum() / len(frames) * rate / 2 - 200) / 100, len(frames) / rate

    def trained_parameters(self) -> Mapping[str, torch.nn.Parameter]:
        named = dict(self.model.named_parameters())
        return {name: each for name, each in named.items() if each.requires_grad}

    def training_mode(self, on: bool) -> None:
        self.model.train(on)

    def calibrate(self, samples: Sequence[Sample]) -> None:
        """Begin where the first layer's mean is 0 over some speech."""
        self.calibrated_on += [each.utterance_id for each in samples]
        given = torch.tensor([self._numbers(each) for each in samples], dtype=torch.float32)
        with torch.no_grad():
            self.model.body.bias.sub_(self.model.body(given).mean(0))

    def keep_sounds(self, cache: Any) -> None:
        self.cache = cache

    def save(self, folder: Path) -> None:
        save_file(self.model.state_dict(), folder / "weights.safetensors")
        config = {"labels": self.label_space.names, "name": self.name}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def describe(self) -> Mapping[str, Any]:
        return {"architecture": "tiny", "frozen": self.frozen}


@dataclass(frozen=True)
class TinyClassifiable:
    """The system before it is fitted."""

    name: str = "tiny-classifier"
    modalities: frozenset[str] = frozenset({"speech"})
    dropout: float = 0.0
    frozen: bool = False
    nothing: bool = False

    def classifier(self, label_space: LabelSpace, *, seed: int) -> TinyClassifier:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Network(len(label_space.names), self.dropout)
        network.body.requires_grad_(not (self.frozen or self.nothing))
        network.head.requires_grad_(not self.nothing)
        return TinyClassifier(self.name, label_space, self.modalities, network, self.frozen)


def load_tiny(folder: Path) -> TinyClassifier:
    """What :meth:`TinyClassifier.save` wrote."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    space = LabelSpace("saved", tuple(map(Label, config["labels"])))
    found = TinyClassifiable(config["name"]).classifier(space, seed=0)
    found.model.load_state_dict(load_file(folder / "weights.safetensors"))
    return found
