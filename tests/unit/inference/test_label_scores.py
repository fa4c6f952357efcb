"""The probability of a label given what stands before it, counted over whole answers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.inference.label_scores import Spelling, label_scores
from equivoice.models import Decoding, FloatArray, Question
from equivoice.prompting.explained import before_answer, write_target
from equivoice.prompting.turns import Turn
from oracles.whole_answers import WholeAnswers

WORDS = ("sad", "surprised", "happy")
QUESTION = Question("demo/1", (Turn("user", ("Which?",)),))
NEUTRAL = Decoding.neutral(max_new_tokens=200, min_new_tokens=0)
HEARD, OTHER = "Oh no.", "Oh, now."
TEXTS = {
    write_target(HEARD, "sad", "It falls."): 0.3,
    write_target(HEARD, "sad", "It is low."): 0.1,
    write_target(HEARD, "surprised", "It rises."): 0.2,
    write_target(HEARD, "angry", "It is loud."): 0.1,
    write_target(OTHER, "happy", "It is bright."): 0.3,
}


def before(transcript: str) -> str:
    found = before_answer(write_target(transcript, "sad", "x"))
    assert found is not None
    return found


def shares(start: str, temperature: float = 1.0) -> tuple[FloatArray, float]:
    found = label_scores(WholeAnswers(TEXTS), QUESTION, start, WORDS, [temperature], NEUTRAL)
    assert found.logprobs.shape == (1, 1, 3)
    return np.exp(found.logprobs[0, 0]), float(found.outside[0, 0])


def test_labels_share_the_answers_that_begin_alike() -> None:
    chances, outside = shares(before(HEARD))
    # of .7 that hear this, .4 go on with sad, .2 with surprised, .1 with a word not asked for
    assert chances == pytest.approx([4 / 7, 2 / 7, 0])
    assert outside == pytest.approx(1 / 7)
    chances, outside = shares(before(OTHER))
    assert chances == pytest.approx([0, 0, 1])
    assert outside == pytest.approx(0)


def test_the_reason_behind_the_label_and_the_end_of_the_answer_take_no_part() -> None:
    more = {f"{text} And so on.": share for text, share in TEXTS.items()}
    found = label_scores(WholeAnswers(more), QUESTION, before(HEARD), WORDS, [1.0], NEUTRAL)
    assert np.exp(found.logprobs[0, 0]) == pytest.approx([4 / 7, 2 / 7, 0])


def test_a_label_that_begins_another_is_told_from_it() -> None:
    texts = {write_target(None, word, "It is."): 0.5 for word in ("sad", "sadder")}
    start = before_answer(next(iter(texts)))
    assert start is not None
    found = label_scores(WholeAnswers(texts), QUESTION, start, ("sad", "sadder"), [1.0], NEUTRAL)
    assert np.exp(found.logprobs[0, 0]) == pytest.approx([0.5, 0.5])


def test_temperatures_are_those_of_whole_answers() -> None:
    chances, _ = shares(before(HEARD), 0.5)
    sums = np.array([0.3**2 + 0.1**2, 0.2**2, 0.0])
    assert chances == pytest.approx(sums / (sums.sum() + 0.1**2))


def test_at_temperature_0_the_likeliest_label_has_all() -> None:
    # .3 for hearing this and sad is no more than .3 for the other, but the first likeliest text
    chances, outside = shares(before(HEARD), 0.0)
    assert chances.tolist() == [1, 0, 0]
    assert outside == 0
    # where the likeliest answer begins otherwise, the labels are still ordered
    other, _ = shares(before(OTHER), 0.0)
    assert other == pytest.approx([0, 0, 1])


def test_a_beginning_that_is_never_written_gives_no_label_any_probability() -> None:
    chances, outside = shares(before("Nothing."))
    assert chances.tolist() == [0, 0, 0]
    assert outside == 1


def test_options_are_read_as_beginnings_of_their_own_length() -> None:
    fake = WholeAnswers(TEXTS)
    label_scores(fake, QUESTION, before(HEARD), WORDS, [1.0], NEUTRAL)
    assert all(len(option) >= limit for option, limit in fake.read)
    assert isinstance(fake, Spelling)


def test_there_must_be_a_beginning() -> None:
    with pytest.raises(ConfigError, match="no beginning"):
        label_scores(WholeAnswers(TEXTS), QUESTION, "", WORDS, [1.0], NEUTRAL)
