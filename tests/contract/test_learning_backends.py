"""One suite for every model that can be trained: what ``training`` relies on.

The oracles are the stock models of transformers, run by their own processors and their
own forward, and peft itself. A new backend adds a case to :data:`CASES`.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip, Decoding, Question
from equivoice.models.decoding import lesson_states
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    save_adapter,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.learning import LearningBackend, Lesson, TokenLosses
from equivoice.models.registry import load_model
from equivoice.prompting.turns import AUDIO, Turn
from tiny.sounds import TEXT, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK, Stock, teacher_forced

OPTIONS = ("Angry", "Sad", "Neutral")
PLAIN = Decoding.neutral(max_new_tokens=16, min_new_tokens=0)
LORA = LoraSettings(rank=4, alpha=8.0, dropout=0.1)


@dataclass(frozen=True)
class Case:
    """A backend under test.

    Args:
        system: its name in the registry.
        tiny: which tiny checkpoint it is given.
        apart: whether its encoder is run apart from the language model.
        projector: whether it has a projector of its own.
        needs: a package without which the case is skipped.
    """

    system: str
    tiny: str
    apart: bool = True
    projector: bool = True
    needs: str | None = None

    @property
    def hears(self) -> bool:
        return self.tiny != "text"


CASES = (
    Case("text-llm", "text", apart=False, projector=False),
    Case("qwen2-audio", "qwen2_audio"),
    Case("audio-flamingo-3", "audio_flamingo3"),
    Case("voxtral", "voxtral"),
    Case("qwen2-5-omni", "qwen2_5_omni", projector=False),
    Case("salmonn", "salmonn"),
    Case("speech-llm", "glm_asr", apart=False, projector=False),
    Case("speech-llm", "granite_speech", apart=False, projector=False, needs="torchaudio"),
)
HEARING = tuple(case for case in CASES if case.hears)
APART = tuple(case for case in CASES if case.apart)

Load = Callable[..., Any]


def each(cases: Sequence[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.tiny)


@pytest.fixture(scope="session")
def folder(tiny_models: TinyModels) -> Callable[[Case], Path]:
    """The checkpoint of a case."""

    def found(case: Case) -> Path:
        if case.needs and importlib.util.find_spec(case.needs) is None:
            pytest.skip(f"{case.needs} is not installed")
        return text_model(tiny_models) if case.tiny == "text" else tiny_models(case.tiny)

    return found


def text_model(tiny_models: TinyModels) -> Path:
    from tiny.text import END, save_text_model

    place = tiny_models.folder / "text-learning"
    if not place.exists():
        save_text_model(place, generation={"eos_token_id": END})
    return place


@pytest.fixture(scope="session")
def shared(folder: Callable[[Case], Path]) -> Load:
    """A model of a case that nobody may change."""
    loaded: dict[Case, Any] = {}

    def load(case: Case) -> Any:
        if case not in loaded:
            loaded[case] = load_model(case.system, model=str(folder(case)))
        return loaded[case]

    return load


@pytest.fixture(scope="session")
def fresh(folder: Callable[[Case], Path], shared: Load) -> Load:
    """A model of a case that nobody else has."""

    def load(case: Case, **options: Any) -> Any:
        if options:
            return load_model(case.system, model=str(folder(case)), **options)
        return copy.deepcopy(shared(case))

    return load


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    place = tmp_path_factory.mktemp("sounds")
    made = (buzz(110, 1.3), buzz(190, 0.7), buzz(260, 1.1))
    return tuple(write(place / f"{i}.wav", samples) for i, samples in enumerate(made))


def ask(case: Case, sounds: Sequence[Path]) -> list[Question]:
    if not case.hears:
        said = ("she said : I feel terrible", "great", "I am fine today ! which emotion ?")
        return [
            Question(f"demo/{at}", (Turn("user", (text,)),))
            for at, text in enumerate(said[: len(sounds)])
        ]
    return [
        Question(f"demo/{path.stem}", (Turn("user", (AUDIO, TEXT)),), Clip(str(path)))
        for path in sounds
    ]


def teach(case: Case, sounds: Sequence[Path]) -> list[Lesson]:
    """Lessons of several lengths, of prompt and of answer."""
    answers = ("Neutral", "Sad", "Angry and sad")
    return [Lesson(*each) for each in zip(ask(case, sounds), answers, strict=False)]


def totals(losses: TokenLosses) -> Any:
    return (losses.nll * losses.mask).sum(1)


def stock_of(case: Case, place: Path, sounds: Sequence[Path]) -> Stock:
    """The stock model with the inputs of the same questions."""
    if case.hears:
        return STOCK[case.tiny](place, sounds, TEXT)
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    rendered = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question.turns[0].text}],
            tokenize=False,
            add_generation_prompt=True,
        )
        for question in ask(case, sounds)
    ]
    inputs = dict(tokenizer(rendered, padding=True, return_tensors="pt", add_special_tokens=False))
    inputs.pop("token_type_ids", None)
    model = transformers.AutoModelForCausalLM.from_pretrained(place).eval()
    return Stock(model, inputs, tokenizer)


def stock_losses(stock: Stock, answer: Sequence[int], *, skip: int | None = None) -> Any:
    """(L - 1,) the loss of each token after the first of one row, ``skip`` counting nothing."""
    import torch

    inputs = dict(stock.inputs)
    ids = torch.cat([inputs["input_ids"], torch.tensor([list(answer)])], dim=1)
    inputs["attention_mask"] = torch.ones_like(ids)
    inputs["input_ids"] = ids
    logits = stock.model(**inputs).logits[0, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    return losses if skip is None else losses * (ids[0, 1:] != skip)


@each(CASES)
def test_it_says_what_a_lesson_is_made_of(
    case: Case, shared: Load, sounds: tuple[Path, ...]
) -> None:
    backend = shared(case)
    assert isinstance(backend, LearningBackend)
    for lesson in teach(case, sounds):
        tokens = backend.lesson_tokens(lesson)
        prefix = backend.prepare([lesson.question])
        assert tokens.prompt == prefix.input_ids[0].tolist()
        assert tokens.answer[:-1] == backend.option_tokens(lesson.answer)
        assert tokens.answer[-1] in prefix.eos_ids


@each(CASES)
def test_a_loss_is_what_option_scoring_and_stock_transformers_say(
    case: Case, shared: Load, folder: Callable[[Case], Path], sounds: tuple[Path, ...]
) -> None:
    backend = shared(case)
    heard = sounds[:1] if case.tiny == "granite_speech" else sounds
    questions = ask(case, heard)
    lessons = [Lesson(question, option) for question in questions for option in OPTIONS]
    ours = backend.answer_losses(lessons)
    assert ours.nll.dtype.is_floating_point
    counts = [len(backend.lesson_tokens(lesson).answer) for lesson in lessons]
    assert ours.mask.sum(1).tolist() == counts
    assert (ours.nll[~ours.mask] == 0).all()
    logs = -totals(ours).detach().numpy().reshape(len(questions), len(OPTIONS))

    scored = backend.option_logprobs(backend.prepare(questions), OPTIONS, [1.0], PLAIN)
    np.testing.assert_allclose(logs, scored.logprobs[:, 0], atol=1e-4)

    stock = stock_of(case, folder(case), heard)
    answers = [backend.lesson_tokens(Lesson(questions[0], option)).answer for option in OPTIONS]
    np.testing.assert_allclose(logs, teacher_forced(stock, answers, 1.0).numpy(), atol=1e-4)


@each(CASES)
def test_what_is_counted(
    case: Case, shared: Load, folder: Callable[[Case], Path], sounds: tuple[Path, ...]
) -> None:
    """The answer's tokens once each; with ``all`` also those of the prompt's text."""
    import torch

    backend, (lesson,) = shared(case), teach(case, sounds[:1])
    tokens = backend.lesson_tokens(lesson)
    stock = stock_of(case, folder(case), sounds[:1])
    place = getattr(stock.model.config, "audio_token_id", None)
    with torch.no_grad():
        theirs = stock_losses(stock, tokens.answer)
        counted = stock_losses(stock, tokens.answer, skip=place)
        answer = backend.answer_losses([lesson])
        everything = backend.answer_losses([lesson], on="all")
    torch.testing.assert_close(answer.nll[0], theirs[-len(tokens.answer) :], atol=1e-4, rtol=0)
    torch.testing.assert_close(everything.nll.sum(), counted.sum(), atol=2e-3, rtol=0)
    text = sum(token != place for token in tokens.prompt[1:])
    assert int(everything.mask.sum()) == text + len(tokens.answer)


@each(CASES)
def test_only_what_foretells_the_answer_is_asked_for(
    case: Case, fresh: Load, sounds: tuple[Path, ...]
) -> None:
    """No logit of the prompt but the last has a gradient, nor is (almost) any computed."""
    backend, lessons = fresh(case), teach(case, sounds)
    answers = [backend.lesson_tokens(lesson).answer for lesson in lessons]
    seen: list[Any] = []

    def keep(module: Any, inputs: Any, logits: Any) -> None:
        logits.retain_grad()
        seen.append(logits)

    unfreeze(backend, ["head"])
    hook = backend.model.get_output_embeddings().register_forward_hook(keep)
    totals(backend.answer_losses(lessons)).sum().backward()
    hook.remove()
    asked = sum(int((logits.grad.flatten(0, -2).abs().sum(1) > 0).sum()) for logits in seen)
    computed = sum(logits.flatten(0, -2).shape[0] for logits in seen)
    counted = sum(map(len, answers))
    assert asked == counted
    # a stock forward keeps the same last columns of each row
    assert computed == counted if case.apart else computed < 2 * counted + 3 * len(lessons)


@each(CASES)
def test_a_batch_is_its_lessons_alone(case: Case, fresh: Load, sounds: tuple[Path, ...]) -> None:
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    torch.manual_seed(1)
    attach_lora(backend, LORA)
    nudge(backend)

    def gradients(batches: Sequence[Sequence[Lesson]]) -> tuple[Any, dict[str, Any]]:
        backend.model.zero_grad()
        found = []
        for batch in batches:
            losses = totals(backend.answer_losses(batch))
            losses.sum().backward()
            found.append(losses.detach())
        kept = {name: weight.grad.clone() for name, weight in trainable_parameters(backend)}
        return torch.cat(found), kept

    together, whole = gradients([lessons])
    alone, parts = gradients([[lesson] for lesson in lessons])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    for name, gradient in whole.items():
        torch.testing.assert_close(gradient, parts[name], atol=1e-3, rtol=1e-3)


def nudge(backend: Any) -> None:
    """Move an adapter away from its start, where half of its gradients are 0."""
    import torch

    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in trainable_parameters(backend):
            if "lora_B" in name:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))


@each(CASES)
def test_a_fresh_adapter_changes_nothing_and_alone_learns(
    case: Case, fresh: Load, shared: Load, sounds: tuple[Path, ...]
) -> None:
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    attach_lora(backend, LORA)
    with torch.no_grad():
        before = totals(shared(case).answer_losses(lessons))
        torch.testing.assert_close(totals(backend.answer_losses(lessons)), before)
    trained = trainable_parameters(backend)
    assert trained
    assert all("lora_" in name and weight.dtype == torch.float32 for name, weight in trained)
    nudge(backend)
    totals(backend.answer_losses(lessons)).sum().backward()
    assert all(float(weight.grad.abs().max()) > 0 for _, weight in trained)
    frozen = [each for each in backend.model.parameters() if not each.requires_grad]
    assert all(each.grad is None for each in frozen)


@each(APART)
def test_every_weight_has_the_gradient_of_the_stock_model(
    case: Case, fresh: Load, folder: Callable[[Case], Path], sounds: tuple[Path, ...]
) -> None:
    """Also those of encoder and projector, which the stock model runs on padded sound."""
    import torch

    backend, (lesson,) = fresh(case), teach(case, sounds[:1])
    unfreeze(backend, ["all"])
    totals(backend.answer_losses([lesson])).sum().backward()
    ours = {
        name: weight.grad
        for name, weight in backend.model.named_parameters()
        if weight.grad is not None
    }
    stock = stock_of(case, folder(case), sounds[:1])
    answer = backend.lesson_tokens(lesson).answer
    stock_losses(stock, answer)[-len(answer) :].sum().backward()
    theirs = dict(stock.model.named_parameters())
    assert any("audio_tower" in name and float(grad.abs().max()) > 0 for name, grad in ours.items())
    assert ours.keys() == {name for name, weight in theirs.items() if weight.grad is not None}
    for name, gradient in ours.items():
        # the sound's embedding is a place in ours, whose own embedding is not looked at
        scale = float(theirs[name].grad.abs().max()) + 1e-6
        torch.testing.assert_close(gradient, theirs[name].grad, atol=2e-4 * scale + 1e-5, rtol=1e-3)


@each(APART)
def test_what_is_frozen_has_no_graph(case: Case, fresh: Load, sounds: tuple[Path, ...]) -> None:
    backend, lessons = fresh(case), teach(case, sounds)
    grown: list[bool] = []

    def keep(_module: Any, _inputs: Any, out: Any) -> None:
        grown.append((out[0] if isinstance(out, tuple) else out).requires_grad)

    layers = (part for name, part in backend.tower.named_modules() if name.endswith("layers.0"))
    hook = next(layers).register_forward_hook(keep)
    part = "projector" if case.projector else "head"
    unfreeze(backend, [part])
    totals(backend.answer_losses(lessons)).sum().backward()
    assert grown
    assert not any(grown)
    assert all(float(weight.grad.abs().max()) > 0 for _, weight in trainable_parameters(backend))
    grown.clear()
    unfreeze(backend, ["encoder"])
    totals(backend.answer_losses(lessons)).sum().backward()
    assert any(grown)
    hook.remove()


@each(CASES)
def test_training_mode_draws_and_evaluation_does_not(
    case: Case, fresh: Load, sounds: tuple[Path, ...]
) -> None:
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    attach_lora(backend, replace(LORA, dropout=0.5))
    assert not any(module.training for module in backend.model.modules())
    nudge(backend)

    def losses(seed: int) -> Any:
        torch.manual_seed(seed)
        with torch.no_grad():
            return totals(backend.answer_losses(lessons))

    still = losses(1)
    backend.training_mode(True)
    if case.hears:
        assert backend.frozen_parts()
        assert not any(part.training for part in backend.frozen_parts())
    first = losses(1)
    assert torch.equal(first, losses(1))
    assert float((first - losses(2)).abs().max()) > 1e-3
    backend.training_mode(False)
    assert torch.equal(losses(2), still)


@each(APART)
def test_what_is_left_out_of_a_pass_changes_nothing(
    case: Case, fresh: Load, sounds: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last layer at the answers only, the beginning shared: losses and gradients of a whole pass."""
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    attach_lora(backend, replace(LORA, dropout=0.0))
    nudge(backend)
    backend.training_mode(True)

    def learned() -> tuple[Any, dict[str, Any]]:
        torch.manual_seed(0)  # SALMONN's Q-Former has dropout of its own, before the layers
        backend.model.zero_grad()
        losses = totals(backend.answer_losses(lessons))
        losses.sum().backward()
        named = trainable_parameters(backend)
        return losses.detach(), {name: weight.grad.clone() for name, weight in named}

    # before the first pass, as the record of a training is written
    told = backend.describe()["optimisations"]
    assert told["last_layer"]["on"] is True, told
    assert told["shared_beginning"]["on"] is True, told
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(lesson_states, "_WORTH", {"cpu": 1})
    handle = backend.language.body.layers[-1].mlp.gate_proj.register_forward_hook(
        lambda _module, given, _out: shapes.append(tuple(given[0].shape[:-1]))
    )
    losses, gradients = learned()
    # none of the beginning, which is run apart, and one place for each token of the answers
    tokens = sum(len(backend.lesson_tokens(each).answer) for each in lessons)
    assert shapes == [(1, 0), (1, tokens)]
    handle.remove()
    monkeypatch.setattr(lesson_states, "_WORTH", {"cpu": 10**9})
    monkeypatch.setattr(lesson_states, "by_place", lambda _body: [])
    whole, expected = learned()
    torch.testing.assert_close(losses, whole, atol=1e-5, rtol=1e-5)
    for name, gradient in expected.items():
        scale = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(gradients[name], gradient, atol=1e-5 * scale, rtol=1e-5)


@each(tuple(case for case in CASES if not case.apart))
def test_a_stock_forward_is_said_to_be_run_whole(case: Case, shared: Load) -> None:
    told = shared(case).describe()["optimisations"]
    assert told["last_layer"] == {"on": False, "why": "the stock forward is run"}
    assert told["shared_beginning"]["on"] is False


@each(CASES)
def test_gradients_by_checkpointing_are_the_same(
    case: Case, fresh: Load, sounds: tuple[Path, ...]
) -> None:
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    attach_lora(backend, LORA)
    nudge(backend)
    layer = next(
        module
        for name, module in backend.model.named_modules()
        if name.endswith("layers.1") and "audio" not in name and "encoder" not in name
    )
    passes: list[int] = []
    layer.self_attn.register_forward_hook(lambda *_: passes.append(1))
    found = {}
    backend.training_mode(True)
    for on in (False, True, False):
        backend.checkpoint_gradients(on)
        backend.model.zero_grad()
        passes.clear()
        torch.manual_seed(3)
        totals(backend.answer_losses(lessons)).sum().backward()
        gradients = {name: weight.grad.clone() for name, weight in trainable_parameters(backend)}
        found[on] = (len(passes), gradients)
    # the layer is computed again for its gradients
    assert found[True][0] == 2 * found[False][0]
    for name, gradient in found[False][1].items():
        torch.testing.assert_close(found[True][1][name], gradient, atol=1e-6, rtol=1e-5)


@each(CASES)
def test_it_learns_in_half_precision(case: Case, fresh: Load, sounds: tuple[Path, ...]) -> None:
    import torch

    backend, lessons = fresh(case, dtype="bfloat16"), teach(case, sounds)
    torch.manual_seed(0)
    attach_lora(backend, replace(LORA, dropout=0.0))
    optimiser = torch.optim.AdamW([weight for _, weight in trainable_parameters(backend)], lr=2e-2)
    course = []
    backend.training_mode(True)
    for _ in range(6):
        losses = totals(backend.answer_losses(lessons))
        losses.sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        course.append(float(losses.detach().sum()))
    assert course[-1] < 0.7 * course[0]
    assert losses.dtype == torch.float32
    backend.training_mode(False)
    scores = backend.option_logprobs(
        backend.prepare(ask(case, sounds)), ["Neutral", "Sad"], [1.0], PLAIN
    )
    assert np.isfinite(scores.logprobs).all()


@each(CASES)
def test_parts_in_single_precision_beside_half_are_trained_and_asked_by_autocast(
    case: Case, fresh: Load, shared: Load, sounds: tuple[Path, ...]
) -> None:
    import torch

    backend, lessons = fresh(case, dtype="bfloat16"), teach(case, sounds)
    unfreeze(backend, ["projector" if case.projector else "head", "language"])
    for _, weight in trainable_parameters(backend):
        weight.data = weight.data.float()
    backend.training_mode(True)
    with torch.autocast("cpu", torch.bfloat16):
        losses = totals(backend.answer_losses(lessons))
        losses.sum().backward()
        backend.training_mode(False)
        prefix = backend.prepare(ask(case, sounds))
        scores = backend.option_logprobs(prefix, ["Neutral", "Sad"], [1.0], PLAIN)
    assert all(weight.grad.dtype == torch.float32 for _, weight in trainable_parameters(backend))
    with torch.no_grad():
        exact = totals(shared(case).answer_losses(lessons))
    torch.testing.assert_close(losses.detach(), exact, atol=0.6, rtol=0.05)
    assert scores.logprobs[0, 0, 0] == pytest.approx(-float(losses[0].detach()), abs=0.6)


@each(CASES)
def test_an_adapter_comes_back_with_the_model(
    case: Case,
    fresh: Load,
    folder: Callable[[Case], Path],
    sounds: tuple[Path, ...],
    tmp_path: Path,
) -> None:
    import torch

    backend, lessons = fresh(case), teach(case, sounds)
    attach_lora(backend, LORA)
    nudge(backend)
    unfreeze(backend, ["projector" if case.projector else "head"])
    with torch.no_grad():
        trainable_parameters(backend)[-1][1].mul_(1.5)
        trained = totals(backend.answer_losses(lessons))
        plain = totals(fresh(case).answer_losses(lessons))
    assert float((trained - plain).abs().max()) > 0.1
    place = tmp_path / "fair" / "best"
    save_adapter(backend, place)

    loaded = fresh(case, adapter=str(place))
    assert loaded.name == f"{folder(case).name}+fair"
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(totals(loaded.answer_losses(lessons)), trained)
    # by the road of inference too
    options = [lesson.answer for lesson in lessons]
    prefix = loaded.prepare([lesson.question for lesson in lessons])
    scores = loaded.option_logprobs(prefix, options, [1.0], PLAIN).logprobs[:, 0]
    np.testing.assert_allclose(np.diag(scores), -trained.numpy(), atol=1e-4)
    said = loaded.describe()["adapter"]
    assert said["folder"] == str(place)
    assert said["lora"]["rank"] == 4
    assert said["further_weights"] >= 1
    assert fresh(case).describe()["adapter"] is None


@each(CASES)
def test_peft_reads_what_was_saved(
    case: Case,
    fresh: Load,
    folder: Callable[[Case], Path],
    sounds: tuple[Path, ...],
    tmp_path: Path,
) -> None:
    import torch
    from peft import PeftModel

    backend, (lesson,) = fresh(case), teach(case, sounds[:1])
    attach_lora(backend, LORA)
    nudge(backend)
    save_adapter(backend, tmp_path)
    stock = stock_of(case, folder(case), sounds[:1])
    with warnings.catch_warnings():
        # peft asks by a name that newer transformers have given another
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = PeftModel.from_pretrained(stock.model, tmp_path).eval()
    answer = backend.lesson_tokens(lesson).answer
    with torch.no_grad():
        theirs = stock_losses(replace(stock, model=wrapped), answer)[-len(answer) :]
        ours = backend.answer_losses([lesson]).nll[0]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@each(APART)
def test_training_on_kept_sounds_is_training(
    case: Case, fresh: Load, sounds: tuple[Path, ...], tmp_path: Path
) -> None:
    import torch

    def trained(cache: SoundCache | None) -> tuple[list[float], dict[str, Any], int]:
        backend, lessons = fresh(case), teach(case, sounds)
        before = backend.encoder_passes
        backend.keep_sounds(cache)
        torch.manual_seed(0)
        attach_lora(backend, LORA)
        unfreeze(backend, ["projector" if case.projector else "head"])
        weights = dict(trainable_parameters(backend))
        optimiser = torch.optim.SGD(weights.values(), lr=1e-3)
        backend.training_mode(True)
        course = []
        for step in range(4):
            torch.manual_seed(step)
            losses = totals(backend.answer_losses(lessons)).sum()
            losses.backward()
            optimiser.step()
            optimiser.zero_grad()
            course.append(float(losses.detach()))
        backend.training_mode(False)
        backend.option_logprobs(
            backend.prepare([lesson.question for lesson in lessons]), OPTIONS, [1.0], PLAIN
        )
        return course, weights, backend.encoder_passes - before

    plain, weights, passes = trained(None)
    kept, same, once = trained(SoundCache(tmp_path))
    np.testing.assert_allclose(kept, plain, rtol=1e-5)
    for name, weight in weights.items():
        torch.testing.assert_close(same[name], weight, atol=1e-5, rtol=1e-4)
    assert passes == 5 * len(sounds)
    assert once == len(sounds)
    again = SoundCache(tmp_path)
    assert trained(again)[0] == kept
    assert (again.written, again.read) == (0, 5 * len(sounds))


@each(APART)
def test_an_encoder_that_is_trained_is_never_read_from_the_disk(
    case: Case, fresh: Load, sounds: tuple[Path, ...], tmp_path: Path
) -> None:
    backend, lessons = fresh(case), teach(case, sounds)
    cache = SoundCache(tmp_path)
    backend.keep_sounds(cache)
    backend.answer_losses(lessons)
    assert (cache.read, cache.written) == (0, 3)
    unfreeze(backend, ["encoder"])
    totals(backend.answer_losses(lessons)).sum().backward()
    assert (cache.read, cache.written) == (0, 3)
    for weight in backend.tower.parameters():
        weight.requires_grad_(False)
        weight.mul_(1.01)
    # another encoder now: what it hears was not kept
    backend.answer_losses(lessons)
    assert (cache.read, cache.written) == (0, 6)


@each([case for case in CASES if not case.apart])
def test_sounds_cannot_be_kept_where_the_encoder_is_not_apart(
    case: Case, shared: Load, tmp_path: Path
) -> None:
    shared(case).keep_sounds(None)
    with pytest.raises(ConfigError, match="its encoder is not run apart"):
        shared(case).keep_sounds(SoundCache(tmp_path))


@each(CASES)
def test_lessons_that_cannot_be_learned(case: Case, shared: Load, sounds: tuple[Path, ...]) -> None:
    backend, (question,) = shared(case), ask(case, sounds[:1])
    with pytest.raises(ConfigError, match="no lessons"):
        backend.answer_losses([])
    with pytest.raises(ConfigError, match=r"the answer is empty: 'demo/"):
        backend.answer_losses([Lesson(question, "")])
    with pytest.raises(ConfigError, match="unknown tokens for a loss") as error:
        backend.answer_losses([Lesson(question, "Sad")], on="prompt")
    assert "answer, all" in str(error.value)


@each([case for case in HEARING if case.tiny != "voxtral"])
def test_an_answer_cannot_end_itself(case: Case, shared: Load, sounds: tuple[Path, ...]) -> None:
    backend, (question,) = shared(case), ask(case, sounds[:1])
    end = backend.tokenizer.convert_ids_to_tokens(backend.end_token)
    with pytest.raises(ConfigError, match="holds a token that ends answers") as error:
        backend.lesson_tokens(Lesson(question, f"Sad{end}"))
    assert "demo/0" in str(error.value)


@each(HEARING)
def test_a_sound_that_cannot_be_used_is_named(
    case: Case, fresh: Load, sounds: tuple[Path, ...], tmp_path: Path
) -> None:
    backend = fresh(case)
    (question,) = ask(case, [tmp_path / "missing.wav"])
    for cache in (None, SoundCache(tmp_path / "kept")):
        if case.apart:
            backend.keep_sounds(cache)
        with pytest.raises(AudioError, match=r"missing\.wav"):
            backend.answer_losses([Lesson(question, "Sad")])
    with pytest.raises(ConfigError, match="no clip"):
        backend.answer_losses([Lesson(replace(ask(case, sounds)[0], clip=None), "Sad")])


@each(HEARING)
def test_lessons_with_and_without_sound_go_together(
    case: Case, shared: Load, sounds: tuple[Path, ...]
) -> None:
    import torch

    backend = shared(case)
    heard = teach(case, sounds[:2])
    read = Lesson(Question("demo/read", (Turn("user", (f"{TEXT} She said: great",)),)), "Sad")
    mixed = [heard[0], read, heard[1]]
    with torch.no_grad():
        together = totals(backend.answer_losses(mixed))
        alone = torch.cat([totals(backend.answer_losses([lesson])) for lesson in mixed])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
