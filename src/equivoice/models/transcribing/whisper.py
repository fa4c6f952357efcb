"""Transcripts by Whisper, with the language it hears and how likely it hears no speech.

The decoder's first step, after the token that begins a transcript, gives both: the
distribution over the tokens of languages, and the probability of the token that says
that there is no speech. Then the transcript is decoded greedily, without timestamps, as
``generate`` of transformers does it; the encoder runs once for all of that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from equivoice.errors import ConfigError
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    describe_loading,
    load_pretrained,
    load_processing,
)
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.language import Clip

if TYPE_CHECKING:
    import torch

__all__ = ["Transcript", "WhisperTranscriber"]

_WINDOW = 30.0
_LONGEST = 600.0
_NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")


@dataclass(frozen=True)
class Transcript:
    """What was heard in a clip.

    Args:
        text: the words, without spaces around them.
        language: that it was transcribed as, by its code (``en``); ``None`` where the
            model knows one language only.
        heard_language: the likeliest one by what was heard; ``None`` as above.
        language_probability: of ``heard_language``, among the languages.
        no_speech: the probability that nothing is said, from 0 to 1; of a clip of
            several windows the lowest.
    """

    text: str
    language: str | None
    heard_language: str | None
    language_probability: float | None
    no_speech: float


class WhisperTranscriber:
    """A Whisper of transformers.

    A clip longer than 30 s, all that Whisper hears at once, is transcribed window by
    window: a word at a border may be lost or heard twice.

    Args:
        model: a local folder, or an id of the hub such as ``openai/whisper-large-v3``.
        max_new_tokens: the longest transcript of a window, in tokens; ``None`` for half of
            what the decoder can hold, as in the release.
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the checkpoint cannot be loaded, is no Whisper, or lacks its tokens.
        MissingDependencyError: torch or transformers is not installed.
    """

    def __init__(
        self, model: str, *, max_new_tokens: int | None = None, **loading: Unpack[Loading]
    ) -> None:
        options = LoadOptions(model, **loading)
        self.options = options
        self.model = load_pretrained("WhisperForConditionalGeneration", options)
        self.tokenizer = load_processing("AutoTokenizer", options)
        self.extractor = load_processing("AutoFeatureExtractor", options)
        self.clips = ClipReader(_LONGEST, longer="cut")
        self.tokens = _Tokens.of(self.model.generation_config, self.tokenizer, options.model)
        room = int(self.model.config.max_target_positions)
        self.most = room // 2 if max_new_tokens is None else max_new_tokens
        if not 1 <= self.most <= room - len(self.tokens.prompt("")):
            raise ConfigError(
                "max_new_tokens is not within 1 and what the decoder can hold",
                value=max_new_tokens,
                choices=[f"1 to {room - len(self.tokens.prompt(''))}"],
            )

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages that it can be told; none where it knows one only."""
        return tuple(self.tokens.languages)

    def identity(self) -> str:
        """A hash of all that a transcript depends on, but for the clip and its language."""
        told = self.describe()
        kept = {
            name: told[name]
            for name in ("model", "revision", "commit", "weights", "dtype", "quantisation")
        }
        text = json.dumps([kept, self.most], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> Mapping[str, Any]:
        """Origin of the weights, how they are held, and what becomes of long clips."""
        return {
            **describe_loading(self.model, self.options),
            "max_new_tokens": self.most,
            "decoding": "greedy, without timestamps",
            "clips": self.clips.describe(),
        }

    def transcribe(
        self, clips: Sequence[Clip], languages: Sequence[str | None] | None = None
    ) -> list[Transcript]:
        """The transcripts of n clips, run together as one batch.

        Args:
            clips: the sound.
            languages: the language of each, by its code (``en``, ``en-GB``); ``None``
                where it is to be heard.

        Raises:
            AudioError: a sound cannot be used; it is named.
            ConfigError: Whisper does not know a language.
            RunError: the GPU's memory has run out.
        """
        told = [None] * len(clips) if languages is None else [self._known(x) for x in languages]
        parts = [_windows(self.clips.read(clip)) for clip in clips]
        waves = [window for windows in parts for window in windows]
        wanted = [code for code, windows in zip(told, parts, strict=True) for _ in windows]
        if not waves:
            return []
        with enough_memory():
            heard = iter(self._heard(waves, wanted))
        return [_joined([next(heard) for _ in windows]) for windows in parts]

    def _known(self, language: str | None) -> str | None:
        if language is None or not self.tokens.languages:
            return None
        code = language.partition("-")[0].lower()
        if code not in self.tokens.languages:
            raise ConfigError(
                "Whisper does not know the language",
                value=language,
                choices=self.tokens.languages,
                hint="language=auto lets it hear which one it is",
            )
        return code

    def _heard(self, waves: Sequence[Wave], wanted: Sequence[str | None]) -> list[Transcript]:
        import torch

        features = self.extractor(
            [np.asarray(wave) for wave in waves], sampling_rate=RATE, return_tensors="pt"
        )["input_features"]
        with torch.inference_mode():
            given = features.to(self.model.device, self.model.dtype)
            encoded = self.model.get_encoder()(given).last_hidden_state
            first = self._first_step(encoded)
            codes, likely = self.tokens.language_of(first)
            spoken = [code or heard for code, heard in zip(wanted, codes, strict=True)]
            rows = self._decoded(encoded, [self.tokens.prompt(code) for code in spoken])
        silent = first[:, self.tokens.no_speech].tolist()
        texts = [self.tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
        return [
            Transcript(*each) for each in zip(texts, spoken, codes, likely, silent, strict=True)
        ]

    def _first_step(self, encoded: torch.Tensor) -> torch.Tensor:
        """(n, V) float32: the probabilities of what follows the token that begins a transcript."""
        import torch

        start = torch.full((len(encoded), 1), self.tokens.start, device=encoded.device)
        logits = self.model(encoder_outputs=(encoded,), decoder_input_ids=start).logits
        probabilities: torch.Tensor = logits[:, -1].float().softmax(dim=-1)
        return probabilities

    def _decoded(self, encoded: torch.Tensor, prompts: Sequence[list[int]]) -> list[list[int]]:
        """The likeliest token at each step, up to the first that ends a transcript."""
        import torch

        ids = torch.tensor(prompts, device=encoded.device)
        rows: list[list[int]] = [[] for _ in prompts]
        open_rows = set(range(len(rows)))
        past = None
        for step in range(self.most):
            out = self.model(
                encoder_outputs=(encoded,),
                decoder_input_ids=ids,
                past_key_values=past,
                use_cache=True,
            )
            logits = out.logits[:, -1].float()
            logits[:, self.tokens.never if step else self.tokens.never_first] = -torch.inf
            ids, past = logits.argmax(dim=-1, keepdim=True), out.past_key_values
            for row in tuple(open_rows):
                token = int(ids[row])
                if token == self.tokens.end:
                    open_rows.discard(row)
                else:
                    rows[row].append(token)
            if not open_rows:
                break
        return rows


@dataclass(frozen=True)
class _Tokens:
    """The ids by which a Whisper is told what to do, and says what it hears."""

    start: int
    end: int
    no_speech: int
    no_timestamps: int
    task: int | None
    languages: Mapping[str, int]
    never: list[int]
    never_first: list[int]

    @classmethod
    def of(cls, settings: Any, tokenizer: Any, model: str) -> _Tokens:
        """From a checkpoint's generation settings.

        Raises:
            ConfigError: they are not those of a Whisper.
        """
        no_timestamps = getattr(settings, "no_timestamps_token_id", None)
        start = getattr(settings, "decoder_start_token_id", None)
        if no_timestamps is None or start is None:
            raise ConfigError(
                "the checkpoint's generation settings lack the tokens of Whisper",
                file=model,
                value="no_timestamps_token_id"
                if no_timestamps is None
                else "decoder_start_token_id",
                hint="take the generation_config.json of the release that it descends from",
            )
        known = tokenizer.get_vocab()
        # in every release the token before that of no timestamps, under either name
        silence = next((known[name] for name in _NO_SPEECH if name in known), no_timestamps - 1)
        named = getattr(settings, "lang_to_id", None) or {}
        never = list(getattr(settings, "suppress_tokens", None) or [])
        ends = settings.eos_token_id
        return cls(
            start=int(start),
            end=int(ends[0] if isinstance(ends, list) else ends),
            no_speech=int(silence),
            no_timestamps=int(no_timestamps),
            task=(getattr(settings, "task_to_id", None) or {}).get("transcribe"),
            languages={name.strip("<|>"): int(token) for name, token in named.items()},
            never=never,
            never_first=never + list(getattr(settings, "begin_suppress_tokens", None) or []),
        )

    def prompt(self, language: str | None) -> list[int]:
        """What stands before a transcript; a language that is none stands for any."""
        if not self.languages:
            return [self.start, self.no_timestamps]
        language = language or next(iter(self.languages))
        task = [] if self.task is None else [self.task]
        return [self.start, self.languages[language], *task, self.no_timestamps]

    def language_of(self, first: torch.Tensor) -> tuple[list[str | None], list[float | None]]:
        """The likeliest language of each row, and its probability among the languages."""
        if not self.languages:
            return [None] * len(first), [None] * len(first)
        names = list(self.languages)
        among = first[:, list(self.languages.values())]
        likely, place = (among / among.sum(dim=1, keepdim=True)).max(dim=1)
        return [names[at] for at in place.tolist()], likely.tolist()


def _windows(wave: Wave) -> list[Wave]:
    """Parts of 30 s at most; one at least."""
    size = round(_WINDOW * RATE)
    return [wave[at : at + size] for at in range(0, max(1, len(wave)), size)]


def _joined(parts: Sequence[Transcript]) -> Transcript:
    """The windows of a clip as one transcript; the language is that of the surest speech."""
    surest = min(parts, key=lambda part: part.no_speech)
    return Transcript(
        " ".join(part.text for part in parts if part.text),
        surest.language,
        surest.heard_language,
        surest.language_probability,
        surest.no_speech,
    )
