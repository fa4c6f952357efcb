"""The model that both halves of the ablation begin with: of one's own size, with words to write."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from equivoice.models.registry import load_model
from equivoice.models.speech_llms.small import SmallSize
from equivoice.prompting.explained import write_target
from equivoice.studies.chain.learning import PROMPT
from equivoice.studies.chain.settings import STUDENT
from equivoice.studies.fair.learning import small_model
from unit.studies.chain_by_hand import LABELS, SENTENCES, corpus

pytestmark = pytest.mark.slow

TINY = SmallSize(
    bands=20, step=750, width=32, heads=2, inner=32, dropout=0.0, text_width=32, text_heads=2
)
TEXTS = [
    write_target(said, label, "What is said tells little by itself. Here the pitch is high.")
    for said in SENTENCES
    for label in LABELS
]


def made(out: Path, seed: int = 0, texts: list[str] | None = None) -> Path:
    return small_model(
        corpus(), out, TINY, seed, prompt=PROMPT, texts=TEXTS if texts is None else texts
    )


def digest(place: Path) -> str:
    return hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()


def test_what_it_will_write_is_few_tokens(tmp_path: Path) -> None:
    knows: Any = load_model("qwen2-audio", model=str(made(tmp_path / "knows")))
    spells: Any = load_model("qwen2-audio", model=str(made(tmp_path / "spells", texts=[])))
    for text in TEXTS:
        assert len(knows.option_tokens(text)) < 0.5 * len(spells.option_tokens(text))


def test_a_size_of_ones_own_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert made(tmp_path, 3) == tmp_path / "models" / "own-seed-3"
    named = small_model(corpus(), tmp_path, "tiny", 3, prompt=PROMPT)
    assert named == tmp_path / "models" / "tiny-seed-3"


def test_the_same_seed_makes_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    one, two = (digest(made(tmp_path / name)) for name in ("one", "two"))
    assert one == two
    assert digest(made(tmp_path / "three", 1)) != one


def test_what_is_made_is_not_made_again(tmp_path: Path) -> None:
    file = made(tmp_path) / "model.safetensors"
    before = file.stat().st_mtime_ns
    assert (
        made(tmp_path, texts=["other words"]) / "model.safetensors"
    ).stat().st_mtime_ns == before


def test_a_student_has_about_half_a_million_weights(tmp_path: Path) -> None:
    """As the page says of it; how many exactly depends on the words that it knows."""
    place = small_model(corpus(), tmp_path, STUDENT, 0, prompt=PROMPT, texts=TEXTS)
    model: Any = load_model("qwen2-audio", model=str(place))
    assert 250_000 < sum(each.numel() for each in model.model.parameters()) < 750_000
