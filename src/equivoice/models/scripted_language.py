"""A fake language model: a distribution over answers that can be written down.

It speaks in whole answers as a real model speaks in tokens: each answer it can
give is one "token" with a logit, temperature and top-p shape the distribution as
usual, and a draw takes one. So what it samples, what it takes at temperature 0
and what it says of its options are exactly consistent, and tests can compute
all of it by hand. It reads its options out of the prompt, so that the order of
the options matters to it.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from equivoice.errors import AudioError, ConfigError
from equivoice.models.language import Decoding, Draw, OptionScores, Question, Said
from equivoice.models.protocols import FloatArray
from equivoice.models.scripted_tables import told_utterances
from equivoice.records import MODALITIES

__all__ = ["WORDINGS", "ScriptedLanguageModel", "ScriptedPrefix", "ScriptedServer"]

WORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "exact": ("{word}",),
        "sentence": ("The speaker sounds {word}.",),
        "tagged": ("<answer>{word}</answer>",),
        "refusal": ("I'm sorry, but I cannot determine the emotion from the audio.",),
        "gibberish": ("zxqv blorp", "1234567 ####", "Ærøskøbing?"),
        "empty": ("",),
    }
)
"""Kinds of answers; those with ``{word}`` name an option."""

_WORDS = (
    *("angry", "calm", "contempt", "disgust", "disgusted", "excited", "fear", "fearful"),
    *("frustrated", "happy", "neutral", "sad", "surprise", "surprised"),
)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ALWAYS_EXACT: Mapping[str, float] = MappingProxyType({"exact": 1.0})


@dataclass(frozen=True)
class ScriptedPrefix:
    """What the fake keeps of a batch: for each question its answers and their logits.

    Args:
        texts: by question, the answers that can be given.
        logits: by question, (answers,) at temperature 1.
        silent: by question, why it has no answer; ``None`` where it has.
    """

    texts: tuple[tuple[str, ...], ...]
    logits: tuple[FloatArray, ...]
    silent: tuple[str | None, ...]


@dataclass
class ScriptedServer:
    """A fake that can only answer, as a server does; see :class:`ScriptedLanguageModel`.

    Args:
        answers: the file of a table with ``utterance_id``, ``emotion`` and, if some
            utterances are to be harder than others, ``accuracy``; or a mapping from
            utterance to label. For an utterance that is not in it a label is drawn.
        accuracy: how often the most probable label of an utterance is that of the table.
        hard_on: utterances for which ``hard_accuracy`` holds instead.
        hard_accuracy: see ``hard_on``.
        phrases: from a phrase to the accuracy that holds in prompts with that phrase.
        confidence: the probability of the most probable label at temperature 1.
        first_bias: what is added to the logit of the option displayed first.
        wordings: from a kind in :data:`WORDINGS` to its share at temperature 1.
        words: the words that it can say; those displayed in a prompt are its options.
        seed: root of what is drawn about utterances; answers are drawn by their own seeds.
        name: the name of the system.
        family: which wording of a prompt it is given.
        modalities: what it can be given.
        cost: what an answer costs, where it is to cost something.
        fail_on: utterances whose sound cannot be used.
        silent_on: utterances that get no answer.
        kill_at: the utterance at which the process kills itself, as ``kill -9`` does.
        wait_at: the utterance at which the process waits until ``trap`` can be read.
        trap: the file that arms ``kill_at``, which removes it, and the pipe of ``wait_at``.
        log: a file to which each batch that is prepared adds a line with its utterances.

    Raises:
        ConfigError: a share is out of range or a kind of wording unknown.
    """

    answers: str | Path | Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    accuracy: float = 1.0
    hard_on: Sequence[str] = ()
    hard_accuracy: float = 0.0
    phrases: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    confidence: float = 0.7
    first_bias: float = 0.0
    wordings: Mapping[str, float] = field(default_factory=lambda: _ALWAYS_EXACT)
    words: Sequence[str] = _WORDS
    seed: int = 0
    name: str = "scripted-server"
    family: str = "scripted"
    modalities: frozenset[str] = frozenset(MODALITIES)
    cost: float | None = None
    fail_on: Sequence[str] = ()
    silent_on: Sequence[str] = ()
    kill_at: str | None = None
    wait_at: str | None = None
    trap: str | None = None
    log: str | None = None
    prepared: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        _check_shares(self)
        self.modalities = frozenset(self.modalities)
        self._labels, self._accuracies = _script(self.answers, self.accuracy)
        self._accuracies |= dict.fromkeys(self.hard_on, self.hard_accuracy)

    def describe(self) -> Mapping[str, Any]:
        """That the answers are scripted, and by which numbers."""
        return {
            "weights": "none: the answers are scripted",
            "accuracy": self.accuracy,
            "confidence": self.confidence,
            "wordings": dict(self.wordings),
            "generation": {"repetition_penalty": "ignored"},
        }

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Answers drawn from the script.

        Raises:
            AudioError: one of the utterances is in ``fail_on``.
        """
        return self._drawn(self._read(questions), draws, decoding)

    def _drawn(
        self, prefix: ScriptedPrefix, draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        return [
            [self._said(prefix, row, draw, decoding) for draw in wanted]
            for row, wanted in enumerate(draws)
        ]

    def _said(self, prefix: ScriptedPrefix, row: int, draw: Draw, decoding: Decoding) -> Said:
        if prefix.silent[row] is not None:
            return Said(None, prefix.silent[row])
        shares = _shares(prefix.logits[row], draw.temperature, decoding)
        place = int(np.searchsorted(np.cumsum(shares), _uniform(draw.seed), side="right"))
        last = int(np.flatnonzero(shares)[-1])  # the sum may round to a little less than 1
        return Said(prefix.texts[row][min(place, last)], finished=True, cost=self.cost)

    def _read(self, questions: Sequence[Question]) -> ScriptedPrefix:
        self.prepared += 1
        names = [question.utterance_id for question in questions]
        if self.log is not None:
            with Path(self.log).open("a", encoding="utf-8") as log:
                log.write(" ".join(names) + "\n")
        for name in names:
            self._spring(name)
        broken = sorted(set(names) & set(self.fail_on))
        if broken:
            raise AudioError("the script says that this sound cannot be used", value=broken[0])
        known = [self._distribution(question) for question in questions]
        silent = ["the script says nothing" if name in self.silent_on else None for name in names]
        texts, logits = zip(*known, strict=True) if known else ((), ())
        return ScriptedPrefix(tuple(texts), tuple(logits), tuple(silent))

    def _spring(self, utterance: str) -> None:
        if utterance not in (self.kill_at, self.wait_at) or self.trap is None:
            return
        trap = Path(self.trap)
        if not trap.exists():
            return
        if utterance == self.wait_at:
            trap.read_bytes()
            return
        trap.unlink()  # whoever comes next passes
        os.kill(os.getpid(), signal.SIGKILL)

    def _distribution(self, question: Question) -> tuple[tuple[str, ...], FloatArray]:
        text = "\n".join(turn.text for turn in question.turns)
        words = _displayed(text, self.words)
        by_word = _softmax(
            np.log(self._label_shares(question.utterance_id, text, words))
            + [self.first_bias if place == 0 else 0.0 for place in range(len(words))]
        )
        known: dict[str, float] = {}
        for kind, share in self.wordings.items():
            for template in WORDINGS[kind]:
                part = share / len(WORDINGS[kind])
                if "{word}" not in template:
                    known[template] = part
                    continue
                for word, chance in zip(words, by_word, strict=True):
                    known[template.format(word=word)] = part * chance
        possible = {answer: chance for answer, chance in known.items() if chance > 0}
        return tuple(possible), np.log(np.array(list(possible.values())))

    def _label_shares(self, utterance: str, text: str, words: Sequence[str]) -> FloatArray:
        """The probability of each word at temperature 1, all above 0."""
        size = len(words)
        if size == 1:
            return np.ones(1)
        draws = _hashed(self.seed, utterance, size + 2)
        chosen = self._chosen(utterance, text, words, draws[:2])
        rest = 0.5 + draws[2:]
        rest[chosen] = 0.0
        shares: FloatArray = rest / rest.sum() * (1 - self.confidence)
        shares[chosen] = self.confidence
        return shares

    def _chosen(self, utterance: str, text: str, words: Sequence[str], draws: FloatArray) -> int:
        size = len(words)
        folded = [word.casefold() for word in words]
        label = self._labels.get(utterance, "").casefold()
        if label not in folded:
            # by the word and not by its place, so that the order of display changes nothing
            return folded.index(sorted(folded)[int(draws[1] * size)])
        accuracy = self._accuracies.get(utterance, self.accuracy)
        for phrase, other in self.phrases.items():
            accuracy = other if phrase in text else accuracy
        if draws[0] < accuracy:
            return folded.index(label)
        wrong = sorted(word for word in folded if word != label)
        return folded.index(wrong[int(draws[1] * (size - 1))])


@dataclass
class ScriptedLanguageModel(ScriptedServer):
    """A fake speech LLM whose prefix is run once for all answers.

    It takes the arguments of :class:`ScriptedServer` and counts in ``prepared``
    how many batches it was given.

    Example:
        >>> from equivoice.prompting.turns import AUDIO, Turn
        >>> turns = (Turn("user", (AUDIO, "Which emotion? Options: Happy, Sad")),)
        >>> fake = ScriptedLanguageModel({"a/1": "sad"}, confidence=0.9)
        >>> prefix = fake.prepare([Question("a/1", turns)])
        >>> fake.sample(prefix, [[Draw(0.0, seed=1)]], Decoding())[0][0].text
        'Sad'
        >>> scores = fake.option_logprobs(prefix, ["Happy", "Sad"], [1.0], Decoding())
        >>> np.exp(scores.logprobs).round(3).tolist(), scores.outside.round(3).tolist()
        ([[[0.1, 0.9]]], [[0.0]])
    """

    name: str = "scripted-llm"

    def prepare(self, questions: Sequence[Question]) -> ScriptedPrefix:
        """The answers to each question with their logits.

        Raises:
            AudioError: one of the utterances is in ``fail_on``.
        """
        return self._read(questions)

    def sample(
        self, prefix: ScriptedPrefix, draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Answers drawn from the script."""
        return self._drawn(prefix, draws, decoding)

    def option_logprobs(
        self,
        prefix: ScriptedPrefix,
        options: Sequence[str],
        temperatures: Sequence[float],
        decoding: Decoding,
    ) -> OptionScores:
        """The exact probability of each option as the whole answer; nan where it is silent."""
        logprobs = np.full((len(prefix.texts), len(temperatures), len(options)), -np.inf)
        outside = np.ones(logprobs.shape[:2])
        for row, texts in enumerate(prefix.texts):
            for t, temperature in enumerate(temperatures):
                shares = _shares(prefix.logits[row], temperature, decoding)
                by_text = dict(zip(texts, shares.tolist(), strict=True))
                chances = np.array([by_text.get(option, 0.0) for option in options])
                with np.errstate(divide="ignore"):
                    logprobs[row, t] = np.log(chances)
                outside[row, t] = min(1.0, max(0.0, 1.0 - chances.sum()))
            if prefix.silent[row] is not None:
                logprobs[row] = outside[row] = np.nan
        return OptionScores(logprobs, outside)


def _check_shares(fake: ScriptedServer) -> None:
    problems = [
        f"{name}: {share} is not within 0 and 1"
        for name in ("accuracy", "hard_accuracy")
        if not 0 <= (share := getattr(fake, name)) <= 1
    ]
    if not 0 < fake.confidence < 1:
        problems.append(f"confidence: {fake.confidence} is not between 0 and 1")
    problems += [f"wordings: no kind {kind!r}" for kind in fake.wordings if kind not in WORDINGS]
    shares = list(fake.wordings.values())
    if min(shares, default=0) < 0 or abs(sum(shares) - 1) > 1e-9:
        problems.append(f"wordings: the shares are {shares}, which are not shares of 1")
    if problems:
        raise ConfigError.from_problems(problems)


def _displayed(text: str, words: Sequence[str]) -> tuple[str, ...]:
    """The known words that stand in a prompt, as they are written, in their order."""
    known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    found = re.findall(rf"\b(?:{known})\b", text, flags=re.IGNORECASE)
    first: dict[str, str] = {}
    for word in found:
        first.setdefault(word.casefold(), word)
    return tuple(first.values()) or tuple(words)


def _script(
    given: str | Path | Mapping[str, str], accuracy: float
) -> tuple[dict[str, str], dict[str, float]]:
    """From each utterance to its label, and to its accuracy where that is its own."""
    if isinstance(given, Mapping):
        return dict(given), {}
    known = told_utterances(given, "emotion", what="answers")
    labels = dict(known.select("utterance_id", "emotion").iter_rows())
    if "accuracy" not in known.columns:
        return labels, {}
    shares = known.get_column("accuracy").fill_null(accuracy)
    return labels, dict(zip(known.get_column("utterance_id"), shares, strict=True))


def _shares(logits: FloatArray, temperature: float, decoding: Decoding) -> FloatArray:
    """Probabilities at a temperature, cut by top-k and top-p as samplers do."""
    if temperature == 0:
        greedy = np.zeros(len(logits))
        greedy[int(np.argmax(logits))] = 1.0
        return greedy
    shares = _softmax(logits / temperature)
    order = np.argsort(-shares, kind="stable")
    kept = len(order) if not decoding.top_k else min(decoding.top_k, len(order))
    mass = np.cumsum(shares[order[:kept]]) / shares[order[:kept]].sum()
    if decoding.top_p is not None:
        # the smallest set that reaches the mass; a rounding error must not add one
        kept = int(np.searchsorted(mass, decoding.top_p - 1e-12)) + 1
    shares[order[kept:]] = 0.0
    cut: FloatArray = shares / shares.sum()
    return cut


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max())
    shares: FloatArray = raised / raised.sum()
    return shares


def _uniform(seed: int) -> float:
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _hashed(seed: int, utterance: str, size: int) -> FloatArray:
    """So many numbers from 0 to below 1 for an utterance."""
    digest = hashlib.shake_128(f"{seed}\n{utterance}".encode()).digest(8 * size)
    parts = [int.from_bytes(digest[8 * i : 8 * i + 8], "big") >> 11 for i in range(size)]
    return np.array(parts) / 2**53
