"""The same on a real architecture: Qwen2-Audio with LoRA, dropout on, losses of answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from equivoice.models.decoding.adapters import LoraSettings, attach_lora, trainable_parameters
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from equivoice.objectives.answer_nll import mean_answer_nll
from equivoice.objectives.minmax_gap import GapPenalty, Stratum
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch, plan_epoch
from equivoice.training.gradients import accumulate
from oracles.whole_batch import items_of, objective
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels

STRATA: list[Stratum] = [
    *[("de", "f")] * 2,
    *[("de", "m")] * 3,
    *[("ja", "f")] * 3,
    *[("ja", "m")] * 1,
    ("ja", None),
]
LABELS = ("Angry", "Sad", "Happy")
WEIGHT, POWER = 3.0, 2


class Pupil:
    """A model and what it is to learn; a seed for each micro-batch's dropout."""

    def __init__(self, model: Path, sounds: Path) -> None:
        self.backend: Any = load_model("qwen2-audio", model=str(model))
        attach_lora(self.backend, LoraSettings(rank=3, alpha=6, dropout=0.3, targets="all-linear"))
        self.backend.training_mode(False)
        self.parameters = [each for _, each in trainable_parameters(self.backend)]
        random = torch.Generator().manual_seed(0)
        for each in self.parameters:
            # LoRA's second matrices begin at 0, where the first have no gradient
            each.data = torch.randn(each.shape, generator=random) * 0.1
        self.lessons = [
            Lesson(
                ask(write(sounds / f"{row}.wav", buzz(90 + 17 * row, 0.3 + 0.15 * (row % 4)))),
                LABELS[row % 3],
            )
            for row in range(len(STRATA))
        ]

    def losses(self, micro: MicroBatch) -> torch.Tensor:
        torch.manual_seed(100 + micro.rows[0])
        found = self.backend.answer_losses([self.lessons[row] for row in micro.rows])
        return mean_answer_nll(found.nll, found.mask)

    def gradient(self) -> torch.Tensor:
        """All gradients in one row; each parameter must have one."""
        gradients = [each.grad for each in self.parameters]
        return torch.cat([each.flatten() for each in gradients if each is not None])

    def clear(self) -> None:
        for each in self.parameters:
            each.grad = None


@pytest.fixture(scope="module")
def pupil(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return Pupil(tiny_models("qwen2_audio"), tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def with_dropout(pupil: Pupil) -> Iterator[Pupil]:
    pupil.backend.training_mode(True)
    yield pupil
    pupil.backend.training_mode(False)


def planned(**settings: Any) -> EffectiveBatch:
    how = {"batch": 10, "micro": 2, "seed": 0, "epoch": 0, **settings}
    [batch] = plan_epoch(items_of(STRATA), **how)
    return batch


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The relative difference of two gradients."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("how", [{"road": "one_pass"}, {"road": "two_pass"}], ids=str)
@pytest.mark.parametrize("micro", [1, 3])
def test_without_dropout_it_is_one_forward_pass_over_all(
    pupil: Pupil, how: dict[str, Any], micro: int
) -> None:
    pupil.clear()
    everything = MicroBatch(tuple(range(len(STRATA))), None, None, mixed=tuple(STRATA))
    whole = objective(pupil.losses(everything), STRATA, weight=WEIGHT, power=POWER)
    whole.backward()
    expected = pupil.gradient()
    outcome = accumulate(
        pupil.losses,
        planned(micro=micro),
        pupil.parameters,
        penalty=GapPenalty(POWER),
        weight=WEIGHT,
        **how,
    )
    assert outcome.objective == pytest.approx(float(whole.detach()), rel=1e-5)
    assert apart(pupil.gradient(), expected) < 1e-5
    assert len(expected) == sum(each.numel() for each in pupil.parameters)


@pytest.mark.parametrize(
    "how",
    [{"road": "one_pass"}, {"road": "two_pass"}, {"road": "two_pass", "mixed": True}],
    ids=str,
)
def test_with_dropout_it_is_autograd_with_the_same_masks(
    with_dropout: Pupil, how: dict[str, Any]
) -> None:
    pupil = with_dropout
    batch = planned(mixed=how.get("mixed", False))
    pupil.clear()
    losses = torch.cat([pupil.losses(micro) for micro in batch.micro_batches])
    strata = [stratum for micro in batch.micro_batches for stratum in micro.strata]
    whole = objective(losses, strata, weight=WEIGHT, power=POWER)
    whole.backward()
    expected = pupil.gradient()
    outcome = accumulate(
        pupil.losses,
        batch,
        pupil.parameters,
        penalty=GapPenalty(POWER),
        weight=WEIGHT,
        road=how["road"],
    )
    assert outcome.objective == pytest.approx(float(whole.detach()), rel=1e-6)
    assert apart(pupil.gradient(), expected) < 1e-5
    # dropout did something, and so does the penalty
    pupil.backend.training_mode(False)
    dry = accumulate(pupil.losses, batch, pupil.parameters)
    assert abs(dry.loss - outcome.loss) > 1e-4
    assert apart(pupil.gradient(), expected) > 0.01


def test_checkpointed_gradients_are_as_exact(with_dropout: Pupil) -> None:
    pupil = with_dropout
    found = []
    for on in (False, True):
        pupil.backend.checkpoint_gradients(on)
        for road in ("one_pass", "two_pass"):
            accumulate(
                pupil.losses,
                planned(),
                pupil.parameters,
                penalty=GapPenalty(POWER),
                weight=WEIGHT,
                road=road,  # type: ignore[arg-type]
            )
            found.append(pupil.gradient())
    pupil.backend.checkpoint_gradients(False)
    assert max(apart(each, found[0]) for each in found) < 1e-5


def test_nothing_else_of_the_model_has_a_gradient(pupil: Pupil) -> None:
    accumulate(pupil.losses, planned(), pupil.parameters, penalty=GapPenalty(2), weight=1.0)
    trained = {id(each) for each in pupil.parameters}
    others = [each for each in pupil.backend.model.parameters() if id(each) not in trained]
    assert others
    assert all(each.grad is None for each in others)
