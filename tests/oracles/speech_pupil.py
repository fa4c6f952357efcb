"""A tiny Qwen2-Audio with LoRA, what it is to learn, and its gradient: in one process or several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from equivoice.models.decoding.adapters import LoraSettings, attach_lora, trainable_parameters
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from equivoice.objectives.answer_nll import mean_answer_nll
from equivoice.objectives.minmax_gap import GapPenalty, Stratum
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch, plan_epoch
from equivoice.training.gradients import accumulate
from equivoice.training.parallel import Parallel
from oracles.whole_batch import items_of
from tiny.sounds import ask, buzz, write

__all__ = ["POWER", "STRATA", "WEIGHT", "Pupil", "dealt", "planned"]

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


def planned(**settings: Any) -> EffectiveBatch:
    """All lessons as one effective batch."""
    how = {"batch": 10, "micro": 2, "seed": 0, "epoch": 0, **settings}
    [batch] = plan_epoch(items_of(STRATA), **how)
    return batch


def dealt(parallel: Parallel | None, *, model: Path, sounds: Path) -> dict[str, Any]:
    """The gradient by either road, dropout on, as several processes find it together."""
    place = sounds / str(parallel.rank if parallel else "alone")
    place.mkdir()
    pupil = Pupil(model, place)
    pupil.backend.training_mode(True)
    found = {}
    for road in ("one_pass", "two_pass"):
        outcome = accumulate(
            pupil.losses,
            planned(),
            pupil.parameters,
            penalty=GapPenalty(POWER),
            weight=WEIGHT,
            road=road,  # type: ignore[arg-type]
            parallel=parallel,
        )
        found[road] = (outcome.objective, pupil.gradient())
    return found
