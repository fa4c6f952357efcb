"""The same on a real architecture: Qwen2-Audio with LoRA, dropout on, losses of answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from equivoice.objectives.minmax_gap import GapPenalty
from equivoice.training.effective_batches import MicroBatch
from equivoice.training.gradients import accumulate
from oracles.processes import in_processes
from oracles.speech_pupil import POWER, STRATA, WEIGHT, Pupil, dealt, planned
from oracles.whole_batch import objective
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def pupil(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return Pupil(tiny_models("qwen2_audio"), tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def with_dropout(pupil: Pupil) -> Iterator[Pupil]:
    pupil.backend.training_mode(True)
    yield pupil
    pupil.backend.training_mode(False)


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


@pytest.mark.slow
def test_two_processes_find_what_one_does(tiny_models: TinyModels, tmp_path: Path) -> None:
    work = partial(dealt, model=tiny_models("qwen2_audio"), sounds=tmp_path)
    alone = work(None)
    assert apart(alone["two_pass"][1], alone["one_pass"][1]) < 1e-5
    for found in in_processes(work, 2, tmp_path):
        for road, (value, gradient) in alone.items():
            assert found[road][0] == pytest.approx(value, rel=1e-6)
            assert apart(found[road][1], gradient) < 1e-5
