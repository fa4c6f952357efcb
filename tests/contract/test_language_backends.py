"""One suite for every language model: what inference and evaluation rely on.

A new backend adds a case to :data:`CASES`, and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import AudioError, ConfigError
from equivoice.models import (
    Clip,
    Decoding,
    Draw,
    LanguageBackend,
    PrefixBackend,
    Question,
    Said,
)
from equivoice.models.registry import load_model
from equivoice.prompting.turns import AUDIO, Turn
from tiny.sounds import RATE, TEXT, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK, Stock, teacher_forced

OPTIONS = ("Angry", "Sad", "Neutral")
NEUTRAL = Decoding.neutral()


@dataclass(frozen=True)
class Case:
    """A backend under test.

    Args:
        system: its name in the registry.
        tiny: which tiny checkpoint it is given; ``None``: none.
        options: of its constructor.
        hears: whether a question has a sound.
        reads: whether it decodes that sound, so that a broken file is an error.
        longest: seconds that it can hear, where that is short enough to be tested.
        trims: whether it leaves the padding of clips out.
        draws: whether another seed may give another answer.
        needs: a package without which the case is skipped.
    """

    system: str
    tiny: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    hears: bool = True
    reads: bool = True
    longest: float | None = None
    trims: bool = False
    draws: bool = True
    needs: str | None = None

    @property
    def label(self) -> str:
        return self.system if self.tiny is None else f"{self.system} ({self.tiny})"


CASES = (
    Case("scripted-llm", reads=False),
    Case("scripted-server", reads=False),
    Case("scripted-judge", reads=False, draws=False),
    Case("scripted-writer", options=(("otherwise", "Sad."),), reads=False, draws=False),
    Case("text-llm", "text", hears=False),
    Case("qwen2-audio", "qwen2_audio", longest=30.0, trims=True),
    Case("audio-flamingo-3", "audio_flamingo3", trims=True),
    Case("voxtral", "voxtral"),
    Case("qwen2-5-omni", "qwen2_5_omni"),
    Case("salmonn", "salmonn", longest=30.0),
    Case("speech-llm", "glm_asr"),
    Case("speech-llm", "granite_speech", needs="torchaudio"),
)
SPEECH = tuple(case for case in CASES if case.tiny in STOCK)
ANSWERING = ("scripted-server", "scripted-judge", "scripted-writer")
PREFIX = tuple(case for case in CASES if case.system not in ANSWERING)


def each(cases: Sequence[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.label)


Load = Callable[[Case], Any]


@pytest.fixture(scope="session")
def load(tiny_models: TinyModels) -> Load:
    """The backend of a case, loaded once."""
    loaded: dict[Case, Any] = {}

    def backend(case: Case) -> Any:
        if case.needs and importlib.util.find_spec(case.needs) is None:
            pytest.skip(f"{case.needs} is not installed")
        if case not in loaded:
            options = dict(case.options)
            if case.tiny == "text":
                options["model"] = text_model(tiny_models)
            elif case.tiny is not None:
                options["model"] = str(tiny_models(case.tiny))
            loaded[case] = load_model(case.system, **options)
        return loaded[case]

    return backend


def text_model(tiny_models: TinyModels) -> str:
    from tiny.text import save_text_model

    folder = tiny_models.folder / "text"
    if not folder.exists():
        save_text_model(folder)
    return str(folder)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three buzzes of several lengths, the longest first, and a silence."""
    folder = tmp_path_factory.mktemp("sounds")
    made = (buzz(110, 2.3), buzz(190, 0.7), buzz(260, 1.1), np.zeros(RATE))
    return tuple(write(folder / f"{i}.wav", samples) for i, samples in enumerate(made))


def ask(case: Case, sounds: Sequence[Path], text: str = TEXT) -> list[Question]:
    if not case.hears:
        texts = [f"{text} {path.stem}" for path in sounds]
        return [
            Question(f"demo/{path.stem}", (Turn("user", (one,)),))
            for path, one in zip(sounds, texts, strict=True)
        ]
    return [
        Question(f"demo/{path.stem}", (Turn("user", (AUDIO, text)),), Clip(str(path)))
        for path in sounds
    ]


def several(count: int, temperature: float = 1.0) -> list[Draw]:
    return [Draw(temperature, seed) for seed in range(count)]


@each(CASES)
def test_it_says_what_it_is(case: Case, load: Load) -> None:
    backend = load(case)
    assert isinstance(backend, LanguageBackend)
    assert isinstance(backend, PrefixBackend) == (case in PREFIX)
    assert backend.name
    assert backend.family
    assert backend.modalities <= {"speech", "speech+transcript", "transcript"}
    assert ("speech" in backend.modalities) == case.hears
    json.dumps(dict(backend.describe()), allow_nan=False)


@each(CASES)
def test_each_question_has_its_own_draws_in_order(
    case: Case, load: Load, sounds: tuple[Path, ...]
) -> None:
    questions = ask(case, sounds[:3])
    draws = [several(2), [], [Draw(0.0, 5), *several(3, 1.2)]]
    said = load(case).answer(questions, draws, Decoding())
    assert [len(each) for each in said] == [2, 0, 4]
    assert all(isinstance(one, Said) and one.text is not None for each in said for one in each)
    assert load(case).answer([], [], Decoding()) == []


@each(CASES)
def test_an_answer_depends_on_question_and_seed_alone(
    case: Case, load: Load, sounds: tuple[Path, ...]
) -> None:
    backend, questions = load(case), ask(case, sounds[:3])
    draws = [Draw(0.0, 0), *several(6, 0.7), *several(6, 1.5)]
    together = backend.answer(questions, [draws] * 3, NEUTRAL)
    assert backend.answer(questions, [draws] * 3, NEUTRAL) == together
    # alone, in another order, with other draws beside it
    for question, said in zip(questions, together, strict=True):
        assert backend.answer([question], [draws[::-1]], NEUTRAL) == [said[::-1]]
    hot = backend.answer(questions[:1], [several(30, 1.5)], NEUTRAL)[0]
    assert (len({one.text for one in hot}) > 1) == case.draws
    greedy = backend.answer(questions[:1], [several(5, 0.0)], NEUTRAL)[0]
    assert len({one.text for one in greedy}) == 1


@each(PREFIX)
def test_a_prefix_answers_as_the_model_and_is_not_used_up(
    case: Case, load: Load, sounds: tuple[Path, ...]
) -> None:
    backend, questions = load(case), ask(case, sounds[:2])
    prefix = backend.prepare(questions)
    draws = [several(4), several(4, 0.3)]
    first = backend.sample(prefix, draws, NEUTRAL)
    backend.option_logprobs(prefix, OPTIONS, [1.0], NEUTRAL)
    assert backend.sample(prefix, draws, NEUTRAL) == first
    assert backend.answer(questions, draws, NEUTRAL) == first


@each(PREFIX)
def test_options_and_the_rest_are_all_there_is(
    case: Case, load: Load, sounds: tuple[Path, ...]
) -> None:
    backend, questions = load(case), ask(case, sounds[:3])
    temperatures = [0.0, 0.7, 1.0]
    scores = backend.option_logprobs(backend.prepare(questions), OPTIONS, temperatures, NEUTRAL)
    assert scores.logprobs.shape == (3, 3, len(OPTIONS))
    assert scores.outside.shape == (3, 3)
    total = np.exp(scores.logprobs).sum(-1) + scores.outside
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    for at, question in enumerate(questions):
        alone = backend.option_logprobs(backend.prepare([question]), OPTIONS, temperatures, NEUTRAL)
        finite = np.isfinite(scores.logprobs[at])
        assert (finite == np.isfinite(alone.logprobs[0])).all()
        np.testing.assert_allclose(
            alone.logprobs[0][finite], scores.logprobs[at][finite], atol=1e-4
        )


@each(SPEECH)
def test_it_hears(case: Case, load: Load, sounds: tuple[Path, ...]) -> None:
    """Another sound, or silence of the same length, changes what it would say."""
    backend = load(case)
    same_length = (sounds[2], sounds[3])
    pair = [ask(case, [path])[0] for path in (*same_length, sounds[0])]
    scores = backend.option_logprobs(backend.prepare(pair), OPTIONS, [1.0], NEUTRAL).logprobs
    assert np.abs(scores[0] - scores[1]).max() > 1e-3
    assert np.abs(scores[0] - scores[2]).max() > 1e-3


def stock(case: Case, tiny_models: TinyModels, sounds: Sequence[Path]) -> Stock:
    assert case.tiny is not None
    return STOCK[case.tiny](tiny_models(case.tiny), sounds, TEXT)


@each(SPEECH)
def test_it_computes_what_stock_transformers_computes(
    case: Case, load: Load, tiny_models: TinyModels, sounds: tuple[Path, ...]
) -> None:
    backend = load(case)
    heard = sounds[:1] if case.tiny == "granite_speech" else sounds[:3]
    theirs = stock(case, tiny_models, heard)
    questions = ask(case, heard)
    prefix = backend.prepare(questions)
    np.testing.assert_allclose(prefix.logits.numpy(), theirs.logits().numpy(), atol=1e-4)

    said = backend.sample(prefix, [[Draw(0.0, 0)]] * len(heard), Decoding())
    assert [one[0].text for one in said] == theirs.greedy(5)

    # nothing forbids an empty answer or cuts an option, so that plain forcing is the oracle
    unbounded = Decoding.neutral(max_new_tokens=16, min_new_tokens=0)
    answers = [[*backend.option_tokens(option), backend.eos_ids[0]] for option in OPTIONS]
    for temperature in (0.7, 1.3):
        ours = backend.option_logprobs(prefix, OPTIONS, [temperature], unbounded).logprobs[:, 0]
        forced = teacher_forced(theirs, answers, temperature).numpy()
        np.testing.assert_allclose(ours, forced, atol=1e-4)


@each([case for case in CASES if case.trims])
def test_leaving_the_padding_out_changes_nothing(
    case: Case, load: Load, tiny_models: TinyModels, sounds: tuple[Path, ...]
) -> None:
    trimmed = load(case)
    padded = load_model(case.system, model=str(tiny_models(str(case.tiny))), trim="off")
    questions = ask(case, sounds)
    ours, whole = trimmed.prepare(questions), padded.prepare(questions)
    np.testing.assert_allclose(ours.logits.numpy(), whole.logits.numpy(), atol=1e-4)
    assert trimmed.describe()["optimisations"]["trimmed_encoding"]["on"] is True
    assert padded.describe()["optimisations"]["trimmed_encoding"]["on"] is False


@each([case for case in CASES if case.hears and case.reads])
def test_a_sound_that_cannot_be_used_is_named(case: Case, load: Load, tmp_path: Path) -> None:
    backend = load(case)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF no sound at all")
    for path in (tmp_path / "missing.wav", broken):
        with pytest.raises(AudioError) as error:
            backend.answer(ask(case, [path]), [several(1)], NEUTRAL)
        assert str(path) in str(error.value)


@each([case for case in CASES if case.longest])
def test_a_sound_that_is_too_long_is_refused(case: Case, load: Load, tmp_path: Path) -> None:
    assert case.longest is not None
    path = write(tmp_path / "long.wav", np.zeros(int((case.longest + 1) * RATE)))
    with pytest.raises(AudioError, match=r"too long.*limit is 30 s"):
        load(case).answer(ask(case, [path]), [several(1)], NEUTRAL)


@each(SPEECH)
def test_sound_and_prompt_go_together(case: Case, load: Load, sounds: tuple[Path, ...]) -> None:
    backend = load(case)
    (question,) = ask(case, sounds[:1])
    without_clip = Question("demo/a", question.turns)
    without_place = Question("demo/b", (Turn("user", (TEXT,)),), question.clip)
    for wrong in (without_clip, without_place):
        with pytest.raises(ConfigError, match=wrong.utterance_id):
            backend.prepare([wrong])


@each(SPEECH)
def test_it_reads_without_hearing(case: Case, load: Load) -> None:
    backend = load(case)
    said = [f"{TEXT} She said: {words}" for words in ("great", "I am sad", "I am sad")]
    questions = [Question(f"demo/{i}", (Turn("user", (one,)),)) for i, one in enumerate(said)]
    scores = backend.option_logprobs(backend.prepare(questions), OPTIONS, [1.0], NEUTRAL)
    assert np.abs(scores.logprobs[0] - scores.logprobs[1]).max() > 1e-3
    np.testing.assert_allclose(scores.logprobs[1], scores.logprobs[2], atol=1e-5)


@each(CASES)
def test_nothing_global_is_touched(case: Case, load: Load, sounds: tuple[Path, ...]) -> None:
    import torch

    backend, questions = load(case), ask(case, sounds[:2])
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002 - the global state is what must not be touched
    before = (torch.get_rng_state(), np.random.get_state()[1].copy())  # noqa: NPY002
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    backend.answer(questions, [several(3)] * 2, NEUTRAL)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, dtype)
    assert torch.is_grad_enabled()
