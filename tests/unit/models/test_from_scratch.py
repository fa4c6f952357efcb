"""What small models share: a tokenizer of their own, seeds, a folder written whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError, StorageError
from equivoice.models.from_scratch import (
    END,
    PAD,
    START,
    checked_labels,
    counts_below_one,
    embedding_rows,
    ended_by,
    named_size,
    own_tokenizer,
    random_state,
    write_model,
)

LINE = "Dogs are sitting by the door while kids keep talking loudly"
TOKENS = own_tokenizer([LINE, LINE], labels=["happy", "sad"], specials=["<|sound|>"])


def test_texts_that_it_was_trained_on_are_few_tokens() -> None:
    assert len(TOKENS.tokenize(LINE)) == len(LINE.split())
    assert len(TOKENS.tokenize("Completely unrelated vocabulary")) > 10


def test_a_label_is_one_token_wherever_it_stands() -> None:
    for word in ("happy", "Happy", " happy", " Sad"):
        assert len(TOKENS.tokenize(word)) == 1


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back_whole(text: str) -> None:
    ids = TOKENS(text, add_special_tokens=False)["input_ids"]
    if any(mark in text for mark in (PAD, START, END, "<|sound|>")):
        return
    assert TOKENS.decode(ids) == text


def test_special_tokens_are_one_each_and_named() -> None:
    for mark in (PAD, START, END, "<|sound|>"):
        assert len(TOKENS(f"{mark}", add_special_tokens=False)["input_ids"]) == 1
    assert (TOKENS.eos_token, TOKENS.pad_token, TOKENS.padding_side) == (END, PAD, "left")


def test_the_vocabulary_has_the_size_that_was_asked() -> None:
    texts = [f"word{n} other{n}" for n in range(300)]
    assert len(own_tokenizer(texts, vocabulary=300)) == 300 + 3


def test_the_same_arguments_give_the_same_tokenizer() -> None:
    again = own_tokenizer([LINE, LINE], labels=["happy", "sad"], specials=["<|sound|>"])
    assert again.backend_tokenizer.to_str() == TOKENS.backend_tokenizer.to_str()


def test_a_size_has_a_name_or_is_given() -> None:
    assert named_size("tiny", {"tiny": 3}) == 3
    assert named_size(5, {"tiny": 3}) == 5
    with pytest.raises(ConfigError, match="tiny, small"):
        named_size("large", {"tiny": 3, "small": 4})


@pytest.mark.parametrize("labels", [[], [""], ["a", " "], ["a", "a "]])
def test_labels_are_words(labels: list[str]) -> None:
    with pytest.raises(ConfigError, match="none empty and none twice"):
        checked_labels(labels)


def test_labels_lose_the_spaces_around_them() -> None:
    assert checked_labels([" happy", "very sad "]) == ["happy", "very sad"]


def test_a_seed_draws_the_same_and_disturbs_nobody() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    drawn = []
    for _ in range(2):
        with random_state(1):
            drawn.append(torch.rand(2))
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(torch.rand(2), expected)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StorageError, match="small model is not empty"):
        write_model(tmp_path, "small model", lambda place: (place / "x").touch())
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        write_model(tmp_path / "file" / "model", "small model", lambda _: None)


def test_sizes_that_are_counts_are_one_or_more() -> None:
    sizes = SimpleNamespace(width=0, layers=1, heads=-2, dropout=0.0)
    assert counts_below_one(sizes) == ["width: 0 is below 1", "heads: -2 is below 1"]


@pytest.mark.parametrize(("tokens", "rows"), [(1, 8), (8, 8), (9, 16)])
def test_an_embedding_is_filled_up_to_eights(tokens: int, rows: int) -> None:
    assert embedding_rows(["token"] * tokens) == rows


def test_a_model_ends_where_a_turn_does() -> None:
    model = torch.nn.Linear(2, 2).half().train()
    model.generation_config = SimpleNamespace(do_sample=True)  # type: ignore[assignment]
    made = ended_by(model, TOKENS)
    told = made.generation_config
    ends = TOKENS.convert_tokens_to_ids([END, PAD])
    assert [told.eos_token_id, told.pad_token_id] == ends
    assert (told.do_sample, made.training, made.weight.dtype) == (False, False, torch.float32)
