"""What every classifier that is a network of ours does alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.models import Clip
from equivoice.models.classifiers.backend import NetworkClassifier
from equivoice.models.classifying import ClassifyingBackend, Sample
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("sad")))


class Two(NetworkClassifier):
    """A frozen layer and a trained one."""

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        self.check(samples)
        found: torch.Tensor = self.model(torch.ones(len(samples), 3))
        return found

    def facts(self) -> Mapping[str, Any]:
        return {"limit": 10}

    def frozen_parts(self) -> list[Any]:
        return [self.model[0]]  # type: ignore[index]


def two(modality: str = "speech") -> Two:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(), torch.nn.Linear(3, 2))
    model[0].requires_grad_(False)
    return Two(model, SPACE, system="two", options={"a": 1}, name="demo", modality=modality)


def test_it_is_a_classifying_backend() -> None:
    assert isinstance(two(), ClassifyingBackend)
    assert two().modalities == {"speech"}
    assert two().device == torch.device("cpu")


def test_trained_parameters_are_those_with_a_gradient() -> None:
    assert list(two().trained_parameters()) == ["2.weight", "2.bias"]


def test_what_is_frozen_stays_without_dropout() -> None:
    made = two()
    made.training_mode(on=True)
    assert made.model.training
    assert [part.training for part in made.model] == [False, True, True]  # type: ignore[union-attr]
    made.training_mode(on=False)
    assert not any(part.training for part in made.model.modules())


def test_it_describes_itself_in_json() -> None:
    told = json.loads(json.dumps(two().describe()))
    assert (told["parameters"], told["trained_parameters"]) == (20, 8)
    assert (told["system"], told["options"], told["limit"]) == ("two", {"a": 1}, 10)


@pytest.mark.parametrize(
    ("modality", "sample", "lacks"),
    [
        ("speech", Sample("demo/x", None, "Oh"), "speech"),
        ("transcript", Sample("demo/x", Clip("/x.wav")), "transcript"),
        ("speech+transcript", Sample("demo/x", Clip("/x.wav")), "transcript"),
    ],
)
def test_what_a_sample_lacks_is_named(modality: str, sample: Sample, lacks: str) -> None:
    with pytest.raises(ConfigError, match=f"demo/x has no {lacks}"):
        two(modality).class_logits([sample])


def test_no_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="no samples"):
        two().class_logits([])
