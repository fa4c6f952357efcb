"""A language model that says what the scores say, checked through its own doors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.models import Decoding, Draw
from equivoice.models.registry import load_model
from equivoice.models.small_start.answers import start_answers
from equivoice.models.small_start.layout import Layout
from equivoice.models.small_start.ridge import Readout
from equivoice.models.small_start.sounds import Sounds
from equivoice.models.small_start.tower import start_tower, unit_means
from equivoice.models.speech_llms.small import make_small_speech_llm
from tiny.small import LABELS, PROMPT, SIZE, voice
from tiny.sounds import ask, write


def readout(units: int, *, labels: int = 3, sharpness: float = 1.5, size: float = 0.1) -> Readout:
    """Any weights: nothing here needs them to be good ones."""
    draws = torch.Generator().manual_seed(7)
    weights = size * torch.randn(labels, units, generator=draws)
    shift = torch.randn(labels, generator=draws)
    return Readout(weights, shift, 1.0, sharpness, 0.5, 1.0)


def started(backend: Any, some: Sounds, answers: tuple[str, ...], found: Readout) -> Any:
    layout = Layout.of(backend.model.config, len(answers))
    start_tower(backend.tower, layout, some, torch.Generator().manual_seed(0))
    start_answers(backend, layout, found, answers)
    return backend


def places(folder: Path, number: int = 4) -> list[Path]:
    return [
        write(folder / f"q{each}.wav", voice(110 + 40 * each, 0.5 + 0.13 * each, seed=each))
        for each in range(number)
    ]


def wanted(backend: Any, files: list[Path], some: Sounds, found: Readout) -> np.ndarray[Any, Any]:
    """Log-probabilities from the mean answers of the units alone, past the language model."""
    from equivoice.models.language import Clip
    from equivoice.models.small_start.sounds import hear

    means = unit_means(backend.tower, hear(backend, [Clip(str(file)) for file in files]))
    scores = means @ found.weights.T + found.shift
    return np.asarray((found.sharpness * scores).log_softmax(1))


@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_probabilities_are_those_of_the_scores(
    wide: Any, some: Sounds, tmp_path: Path, sharpness: float
) -> None:
    found = readout(SIZE.inner, sharpness=sharpness)
    backend, files = started(wide, some, LABELS, found), places(tmp_path)
    prefix = backend.prepare([ask(file, PROMPT) for file in files])
    said = backend.option_logprobs(prefix, LABELS, [1.0], Decoding.neutral())
    expected = wanted(backend, files, some, found)
    assert said.logprobs[:, 0] == pytest.approx(expected, abs=0.1 * sharpness)
    assert said.logprobs[:, 0].argmax(1).tolist() == expected.argmax(1).tolist()
    assert float(said.outside.max()) < 0.01


def test_the_answer_is_the_label_and_nothing_after_it(
    wide: Any, some: Sounds, tmp_path: Path
) -> None:
    found = readout(SIZE.inner)
    backend, files = started(wide, some, LABELS, found), places(tmp_path)
    answers = backend.answer(
        [ask(file, PROMPT) for file in files], [[Draw(0.0, 0)]] * 4, Decoding(max_new_tokens=8)
    )
    expected = [LABELS[each] for each in wanted(backend, files, some, found).argmax(1)]
    assert [each[0].text for each in answers] == expected


def test_neither_the_prompt_nor_its_length_matters(wide: Any, some: Sounds, tmp_path: Path) -> None:
    backend, (file, *_) = started(wide, some, LABELS, readout(SIZE.inner)), places(tmp_path)
    rows = [
        backend.option_logprobs(
            backend.prepare([ask(file, text)]), LABELS, [1.0], Decoding.neutral()
        ).logprobs[0, 0]
        for text in (PROMPT, "sad calm angry sad " * 30, "?")
    ]
    assert rows[1] == pytest.approx(rows[0], abs=1e-3)
    assert rows[2] == pytest.approx(rows[0], abs=1e-3)


def test_thirty_seconds_count_alike(wide: Any, some: Sounds, tmp_path: Path) -> None:
    """A sound repeated to the longest clip has nearly the scores of the sound itself."""
    found = readout(SIZE.inner)
    backend = started(wide, some, LABELS, found)
    file = write(tmp_path / "long.wav", np.tile(voice(140, 1.0), 30))
    prefix = backend.prepare([ask(file, PROMPT)])
    said = backend.option_logprobs(prefix, LABELS, [1.0], Decoding.neutral()).logprobs[0, 0]
    assert said == pytest.approx(wanted(backend, [file], some, found)[0], abs=0.1)


def test_large_scores_of_single_positions_do_not_drown_in_the_norms(
    wide: Any, some: Sounds, tmp_path: Path
) -> None:
    found = readout(SIZE.inner, size=0.5, sharpness=0.5)
    backend, files = started(wide, some, LABELS, found), places(tmp_path)
    prefix = backend.prepare([ask(file, PROMPT) for file in files])
    said = backend.option_logprobs(prefix, LABELS, [1.0], Decoding.neutral()).logprobs[:, 0]
    assert said == pytest.approx(wanted(backend, files, some, found), abs=0.3)


def test_the_first_tokens_of_longer_labels_are_told_apart(some: Sounds, tmp_path: Path) -> None:
    labels = ("calm", "sad indeed", "very angry")
    made = make_small_speech_llm(tmp_path / "other", labels=labels, size=SIZE)
    found = readout(SIZE.inner)
    backend = started(load_model("qwen2-audio", model=str(made)), some, labels, found)
    file = places(tmp_path)[0]
    prefix = backend.prepare([ask(file, PROMPT)])
    tokens = [backend.option_tokens(each) for each in labels]
    assert [len(each) for each in tokens] == [1, 2, 2]
    first = prefix.logits[0].reshape(-1)[[each[0] for each in tokens]]
    expected = wanted(backend, [file], some, found)[0]
    assert first.log_softmax(0).numpy() == pytest.approx(expected, abs=0.15)


def test_further_layers_of_text_leave_the_answer_alone(some: Sounds, tmp_path: Path) -> None:
    from dataclasses import replace

    size = replace(SIZE, text_layers=3)
    made = make_small_speech_llm(tmp_path / "deep", labels=LABELS, size=size)
    found = readout(SIZE.inner)
    backend: Any = started(load_model("qwen2-audio", model=str(made)), some, LABELS, found)
    files = places(tmp_path)
    prefix = backend.prepare([ask(file, PROMPT) for file in files])
    said = backend.option_logprobs(prefix, LABELS, [1.0], Decoding.neutral()).logprobs[:, 0]
    assert said == pytest.approx(wanted(backend, files, some, found), abs=0.15)


def test_gradients_reach_what_was_set_to_nothing(wide: Any, some: Sounds, tmp_path: Path) -> None:
    from equivoice.models.decoding.adapters import unfreeze
    from equivoice.models.learning import Lesson

    backend, files = started(wide, some, LABELS, readout(SIZE.inner)), places(tmp_path)
    unfreeze(backend, ["all"])
    losses = backend.answer_losses([Lesson(ask(file, PROMPT), "sad") for file in files])
    losses.nll.sum().backward()
    block = backend.language.body.layers[0]
    for part in (block.self_attn.o_proj, block.mlp.down_proj, backend.tower.layers[0].fc2):
        assert float(part.weight.grad.abs().sum()) > 0
    assert float(backend.tower.conv1.weight.grad.abs().sum()) > 0
