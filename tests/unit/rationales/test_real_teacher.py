"""A speech LLM as teacher: a tiny one of the real classes, from its checkpoint to the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.models.language import Decoding
from equivoice.rationales.filters import FILTERS
from equivoice.rationales.generating import Teaching, generate_rationales
from tiny.corpus import make_corpus
from tiny.speech import TinyModels

FAMILIES = {"qwen2-audio": "qwen2_audio", "qwen2-5-omni": "qwen2_5_omni", "voxtral": "voxtral"}


@pytest.mark.slow
@pytest.mark.parametrize("system", FAMILIES)
def test_a_checkpoint_explains_and_is_filtered(
    system: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    corpus = make_corpus(tmp_path / "demo", languages=["en"], transcripts=True)
    how = Teaching(temperature=0.7, decoding=Decoding(max_new_tokens=12), seed=2, batch_size=3)
    options = {"model": str(tiny_models(FAMILIES[system]))}
    run = generate_rationales(system, corpus, out=tmp_path / "out", how=how, options=options)
    table = run.rationales()
    assert table.height == 8
    assert table["response"].null_count() == 0
    assert table["response"].n_unique() > 1
    # random weights write no reason: every one is dropped, by a rule that has a name
    assert set(table["status"]) <= {*FILTERS}
    assert run.record.generation[table["teacher"][0]]["optimisations"]
    # equal draws in other batches are equal
    other = Teaching(temperature=0.7, decoding=how.decoding, seed=2, batch_size=8)
    again = generate_rationales(system, corpus, out=tmp_path / "again", how=other, options=options)
    assert again.rationales()["response"].equals(table["response"])
