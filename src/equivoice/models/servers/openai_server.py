"""A language model behind any server that speaks OpenAI's chat protocol.

vLLM, ``transformers serve``, llama.cpp, or a hosted model such as
gpt-4o-mini-audio. Sound is cut, brought to 16 kHz mono and sent inside the request,
so **it leaves this machine** unless the server runs here; the run record says so.

Each answer is asked for with a seed of its own: vLLM's own seed is 0 by default, and
repeats without one would be the same answer again and again.

A server gives answers and no more. The log-probabilities that some offer are of the
few most probable tokens, or of the words that were said, and option scores cannot be
had from them exactly; so none are claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from equivoice.errors import ConfigError, RunError
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.models.servers.asking import Asker, Order, Settled
from equivoice.models.servers.costs import Prices, Totals
from equivoice.models.servers.dialects import DIALECTS, Dialect, request_fields
from equivoice.models.servers.messages import (
    AudioCoding,
    AudioPart,
    chat_messages,
    encode_clip,
    sound_part,
)
from equivoice.models.servers.recognising import Listing, list_models, told_dialect
from equivoice.models.servers.replies import Choice
from equivoice.models.servers.retrying import Failure, Patience
from equivoice.models.servers.transport import Address, Key

__all__ = ["OpenAIServer", "Reach", "SaidWithLogprob"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_AUTO = "auto"
_CONCURRENCY = 8
# What the backend itself decides in every request.
_OURS = frozenset({"model", "messages", "seed", "temperature", "n", "stream", "logprobs"})
_FAMILIES = {
    "qwen2-audio": "qwen2_audio",
    "qwen2.5-omni": "qwen2_5_omni",
    "flamingo": "audio_flamingo_3",
    "voxtral": "voxtral",
    "salmonn": "salmonn",
    "ultravox": "ultravox",
    "kimi-audio": "kimi_audio",
    "baichuan": "baichuan_omni",
}


@dataclass(frozen=True)
class SaidWithLogprob(Said):
    """An answer with how probable the server says it was.

    Args:
        logprob: the sum of the log-probabilities of the answer's tokens, by the
            server's own account (mostly at temperature 1); ``None`` where it gave none.
    """

    logprob: float | None = None


class Reach(NamedTuple):
    """Whether a server can be worked with; for ``equivoice doctor``.

    Args:
        reached: whether it answered and has the model.
        what: one sentence for people, with the next step where it is not.
    """

    reached: bool
    what: str


class _Job(NamedTuple):
    """One request: which draws of which question it asks for."""

    row: int
    draws: tuple[Draw, ...]


@dataclass
class OpenAIServer:
    """Answers from a server that speaks OpenAI's chat protocol.

    Args:
        model: the model's name, as the server knows it.
        base_url: the address, mostly ending in ``/v1``; without user name or key.
        server: ``auto``, ``openai``, ``vllm``, ``transformers`` or ``llama.cpp``:
            which fields it takes. ``auto`` asks the server what it is.
        name: the name of the system in tables and reports.
        family: which wording of a prompt it is given; by the model's name where empty.
        hears: whether sound may be sent; without, transcripts alone.
        api_key_env: the NAME of the environment variable that holds the key.
        api_key_header: where the key is sent; ``Authorization`` as ``Bearer``, any
            other header as it is.
        concurrency: requests at a time; 8, or 1 where seeds hold for one alone.
        timeout: the most seconds for one try.
        tries: the most tries for one answer.
        patience: the most seconds for one answer, waits included.
        give_up_after: so many requests in a row that stay without answer end the run.
        length_field: the request's field for the most tokens, where the server wants
            another: ``max_tokens`` or ``max_completion_tokens``.
        samples_per_request: ask for so many draws of one temperature at once (``n``).
            Cheaper on some servers; the draws then share the first one's seed.
        logprobs: ask for the log-probability of each answer.
        extra_body: further fields of every request; they stand in the run record.
        prices: dollars per million tokens: ``input``, ``output``, ``audio``, ``cached``.
        audio_part: ``input_audio`` (OpenAI's) or ``audio_url`` (vLLM's data address).
        audio_format: ``wav`` or ``flac``.
        rate: samples per second of the sound that is sent.
        longest: the longest sound in seconds; a longer one is refused.
        most_megabytes: the largest sound file that is sent.

    Raises:
        ConfigError: options that make no sense, all of them together.

    Example:
        >>> server = OpenAIServer(model="gpt-4o-mini-audio-preview", api_key_env="OPENAI_API_KEY",
        ...                       base_url="https://api.openai.com/v1")
        >>> sorted(server.modalities), server.leaves_this_machine
        (['speech', 'speech+transcript', 'transcript'], True)
    """

    model: str = ""
    base_url: str = "http://127.0.0.1:8000/v1"
    server: str = _AUTO
    name: str = "openai-server"
    family: str = ""
    hears: bool = True
    api_key_env: str | None = None
    api_key_header: str = "Authorization"
    concurrency: int | None = None
    timeout: float = 120.0
    tries: int = 6
    patience: float = 600.0
    give_up_after: int = 20
    length_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    samples_per_request: int = 1
    logprobs: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    prices: Mapping[str, float] | None = None
    audio_part: AudioPart = "input_audio"
    audio_format: AudioCoding = "wav"
    rate: int = 16_000
    longest: float = 600.0
    most_megabytes: float = 20.0

    def __post_init__(self) -> None:
        self._prices = Prices.of(self.prices)
        self._asker = Asker(
            Address(self.base_url),
            Key(self.api_key_env, self.api_key_header),
            Patience(self.tries, self.patience),
            timeout=self.timeout,
            give_up_after=self.give_up_after,
        )
        _check(self)
        self.extra_body = dict(self.extra_body)
        self.family = self.family or family_of(self.model)

    # -------------------------------------------------------------- what it is

    @property
    def modalities(self) -> frozenset[str]:
        """All of them, or transcripts alone where it does not hear."""
        all_of_them = {"speech", "speech+transcript", "transcript"}
        return frozenset(all_of_them if self.hears else {"transcript"})

    @property
    def leaves_this_machine(self) -> bool:
        """Whether what is asked, sound included, is sent to another machine."""
        return not self._asker.address.is_local

    @property
    def totals(self) -> Totals:
        """Requests, tokens and cost since this object was made."""
        return self._asker.totals

    def describe(self) -> Mapping[str, Any]:
        """Address, model, kind of server, what is sent, and who gets to hear the sound.

        Raises:
            RunError: the server cannot be reached.
        """
        dialect = self._dialect
        what = "prompts and speech" if self.hears else "prompts"
        host = self._asker.address.host
        return {
            "server": self.base_url,
            "kind": dialect.name,
            "kind_known_from": self._kind_known_from,
            "model": self.model,
            "listed": self._listing.entry(self.model),
            "weights": "at the server; their hash is not known here",
            "leaves_this_machine": self.leaves_this_machine,
            "privacy": f"{what} are sent to {host}"
            + ("" if self.leaves_this_machine else ", which is this machine"),
            "sent": {
                "length_field": self.length_field or dialect.length_field,
                "told": sorted({"temperature", "top_p", "seed"} | dialect.offers),
                "seed_bits": dialect.seed_bits,
                "samples_per_request": self.samples_per_request,
                "extra_body": dict(self.extra_body),
                "sound": f"{self.audio_part}, {self.audio_format}, {self.rate} Hz mono"
                if self.hears
                else None,
            },
            "generation": "what a request leaves out is the server's own setting",
            "option_scores": "none: a server does not give them exactly",
        }

    def reachable(self) -> Reach:
        """Whether the server answers and has the model; nothing is generated."""
        once = Patience(tries=1, seconds=min(10.0, self.timeout))
        try:
            found = list_models(self._asker, once)
        except (RunError, ConfigError) as error:
            return Reach(False, str(error))
        if found.models is None:
            return Reach(True, f"{self.base_url} answers, but lists no models")
        names = found.names
        if self.model in names or not names:
            return Reach(True, f"{self.base_url} answers and has {self.model!r}")
        shown = ", ".join(names[:10])
        return Reach(False, f"{self.base_url} answers, but lists no {self.model!r}, only: {shown}")

    # -------------------------------------------------------------- what it says

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """The answers to all questions, many at a time; see :class:`LanguageBackend`.

        Raises:
            AudioError: a sound cannot be sent; nothing was asked yet.
            ConfigError: the decoding needs what the server cannot be told.
            RunError: the server cannot be reached, lets nobody in, or answers no more.
        """
        dialect = self._dialect
        messages = [chat_messages(each, self._sound(each)) for each in questions]
        jobs = list(_jobs(draws, self.samples_per_request))
        orders = [
            Order(self._body(messages[job.row], job.draws, decoding), len(job.draws))
            for job in jobs
        ]
        limit = self.concurrency or (_CONCURRENCY if dialect.concurrent else 1)
        answers: list[list[Said]] = [[] for _ in questions]
        for job, settled in zip(jobs, self._asker.ask(orders, concurrency=limit), strict=True):
            answers[job.row].extend(self._said(settled, len(job.draws)))
        return answers

    def _sound(self, question: Question) -> Mapping[str, Any] | None:
        if question.clip is None or not any(turn.has_audio for turn in question.turns):
            return None
        if not self.hears:
            raise ConfigError(
                f"{self.name!r} is asked by transcript alone",
                value=question.utterance_id,
                hint="give the modality 'transcript', or the option hears: true",
            )
        data = encode_clip(
            question.clip,
            coding=self.audio_format,
            rate=self.rate,
            longest=self.longest,
            most_megabytes=self.most_megabytes,
        )
        return sound_part(data, form=self.audio_part, coding=self.audio_format)

    def _body(
        self, messages: Sequence[Mapping[str, Any]], draws: Sequence[Draw], decoding: Decoding
    ) -> dict[str, Any]:
        dialect = self._dialect
        fields = request_fields(dialect, draws[0], decoding)
        if self.length_field is not None and dialect.length_field in fields:
            fields[self.length_field] = fields.pop(dialect.length_field)
        if len(draws) > 1:
            fields["n"] = len(draws)
        if self.logprobs:
            fields["logprobs"] = True
        return {"model": self.model, "messages": messages, **fields, **self.extra_body}

    def _said(self, settled: Settled, answers: int) -> list[Said]:
        outcome = settled.outcome
        if isinstance(outcome, Failure):
            tries = f" (after {outcome.tries} tries)" if outcome.tries > 1 else ""
            return [Said(None, f"no answer{tries}: {outcome.reason}")] * answers
        cost = None
        if self._prices is not None and outcome.usage is not None:
            cost = self._prices.cost(outcome.usage)
        self.totals.add(outcome.usage, cost)
        each = None if cost is None else cost / answers
        seconds = settled.seconds if answers == 1 else None
        return [self._one(choice, seconds, each) for choice in outcome.choices]

    def _one(self, choice: Choice, seconds: float | None, cost: float | None) -> Said:
        text = None if choice.text is None else self._asker.key.hide(choice.text)
        if not self.logprobs:
            return Said(text, choice.reason, choice.finished, seconds, cost)
        return SaidWithLogprob(text, choice.reason, choice.finished, seconds, cost, choice.logprob)

    # -------------------------------------------------------------- which server it is

    @cached_property
    def _listing(self) -> Listing:
        return list_models(self._asker)

    @cached_property
    def _told(self) -> Dialect | None:
        return told_dialect(self._asker, self._listing)

    @cached_property
    def _dialect(self) -> Dialect:
        dialect = DIALECTS[self.server] if self.server != _AUTO else self._told
        dialect = dialect or DIALECTS["openai"]
        _check_dialect(self, dialect)
        return dialect

    @property
    def _kind_known_from(self) -> str:
        if self.server != _AUTO:
            return "the option 'server'"
        return "assumed" if self._told is None else "what the server says of itself"


def family_of(model: str) -> str:
    """The prompt family that a model's name tells; ``general`` where it tells none.

    Example:
        >>> family_of("Qwen/Qwen2-Audio-7B-Instruct"), family_of("gpt-4o-mini-audio-preview")
        ('qwen2_audio', 'general')
    """
    folded = model.casefold()
    return next((family for part, family in _FAMILIES.items() if part in folded), "general")


def _jobs(draws: Sequence[Sequence[Draw]], most: int) -> Iterator[_Job]:
    """Draws one by one, or neighbours of one temperature together."""
    for row, wanted in enumerate(draws):
        group: list[Draw] = []
        for draw in wanted:
            if group and (len(group) == most or draw.temperature != group[0].temperature):
                yield _Job(row, tuple(group))
                group = []
            group.append(draw)
        if group:
            yield _Job(row, tuple(group))


def _check(server: OpenAIServer) -> None:
    kinds = (_AUTO, *DIALECTS)
    wrong = {
        "model: needed; it is the name under which the server knows the model": not server.model,
        f"server: {server.server!r} is none of {', '.join(kinds)}": server.server not in kinds,
        "concurrency: below 1": server.concurrency is not None and server.concurrency < 1,
        "timeout: not above 0": not server.timeout > 0,
        "tries: below 1": server.tries < 1,
        "patience: not above 0": not server.patience > 0,
        "give_up_after: below 1": server.give_up_after < 1,
        "samples_per_request: below 1": server.samples_per_request < 1,
        f"audio_part: {server.audio_part!r} is none of {', '.join(get_args(AudioPart))}": (
            server.audio_part not in get_args(AudioPart)
        ),
        f"audio_format: {server.audio_format!r} is none of {', '.join(get_args(AudioCoding))}": (
            server.audio_format not in get_args(AudioCoding)
        ),
        "rate: below 1": server.rate < 1,
        "extra_body: not fields by name": not isinstance(server.extra_body, Mapping),
    }
    problems = [problem for problem, found in wrong.items() if found]
    if isinstance(server.extra_body, Mapping):
        problems += [
            f"extra_body.{name}: Equivoice sets this field itself"
            for name in sorted(_OURS & set(server.extra_body))
        ]
    if problems:
        raise ConfigError.from_problems(problems)


def _check_dialect(server: OpenAIServer, dialect: Dialect) -> None:
    wrong = {
        f"concurrency: a server of the kind {dialect.name!r} has one seed for all requests under "
        "way, so answers can be told apart by seed only one at a time": (
            not dialect.concurrent and (server.concurrency or 1) > 1
        ),
        f"samples_per_request: a server of the kind {dialect.name!r} gives one answer a request": (
            dialect.name == "transformers" and server.samples_per_request > 1
        ),
        f"logprobs: a server of the kind {dialect.name!r} does not give them": (
            dialect.name == "transformers" and server.logprobs
        ),
    }
    problems = [problem for problem, found in wrong.items() if found]
    if problems:
        raise ConfigError.from_problems(problems)
