"""What all local backends share beside sampling and scoring."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from equivoice.errors import RunError
from equivoice.models.decoding import backend
from equivoice.models.decoding.gates import Gate
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.language import Decoding, Draw, Question
from tiny.text import question, text_model

QUESTIONS = [question("the speaker sounds sad")]


def test_the_gate_is_asked_once_and_its_verdict_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def gate(prefix: Prefix) -> Gate:
        asked.append(prefix)
        return Gate(False, "for the sake of the test")

    monkeypatch.setattr(backend, "honours_tree_masks", gate)
    model = text_model("llama", seed=5)
    prefix = model.prepare(QUESTIONS)
    draws = [[Draw(1.0, seed) for seed in range(5)]]
    said = model.sample(prefix, draws, Decoding())
    scores = model.option_logprobs(prefix, ["happy"], [1.0], Decoding())
    assert len(asked) == 1
    told = model.describe()["optimisations"]["prefix_tree"]
    assert told == {"on": False, "why": "for the sake of the test"}
    # and what comes of it is what the tree gives
    model._tree = Gate(True, "now on")
    assert model.sample(prefix, draws, Decoding()) == said
    again = model.option_logprobs(prefix, ["happy"], [1.0], Decoding())
    assert again.logprobs == pytest.approx(scores.logprobs, abs=1e-5)


def test_a_prefix_that_asks_for_rows_needs_no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "honours_tree_masks", None)
    model = text_model("llama", seed=6)
    prefix = model.prepare(QUESTIONS)
    object.__setattr__(prefix, "strategy", "rows")
    assert model.sample(prefix, [[Draw(0.0, 1)]], Decoding())[0][0].text is not None


def test_memory_that_runs_out_is_an_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    model = text_model("llama", seed=7)

    def full(questions: Sequence[Question]) -> Prefix:
        with backend.enough_memory():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nMore")

    monkeypatch.setattr(model, "prepare", full)
    with pytest.raises(RunError, match=r"smaller batch .*9 GiB") as told:
        model.answer(QUESTIONS, [[Draw(1.0, 1)]], Decoding())
    assert "More" not in str(told.value)
