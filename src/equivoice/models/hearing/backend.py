"""What every speech LLM does alike: read clips, encode them, put them into the prompt, run it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, RunError
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.learning_model import LearningModel, is_trained
from equivoice.models.decoding.lesson_states import LessonStates, alike
from equivoice.models.decoding.loading import LoadOptions
from equivoice.models.decoding.marks import control_marks
from equivoice.models.decoding.prefix import Prefix, positions_of, run_prompt
from equivoice.models.decoding.teacher_forcing import padded_right, targets_of, token_losses
from equivoice.models.hearing.chat import check_question
from equivoice.models.hearing.clips import ClipReader, Wave
from equivoice.models.hearing.language_part import LanguagePart, part_of
from equivoice.models.hearing.sound_cache import EncoderIdentity, SoundCache
from equivoice.models.language import Clip, Question
from equivoice.models.learning import LessonTokens, LossOn, TokenLosses

if TYPE_CHECKING:
    import torch

__all__ = [
    "MODALITIES",
    "Embedded",
    "HearingModel",
    "PromptedModel",
    "check_switches",
    "padded_left",
]

MODALITIES = frozenset({"speech", "speech+transcript", "transcript"})
"""What a speech LLM can be given."""


def check_switches(**switches: str) -> None:
    """See that each optimisation is ``auto`` or ``off``.

    Raises:
        ConfigError: some other value; all of them together.
    """
    problems = [
        f"{name}: unknown choice {value!r} (auto, off)"
        for name, value in switches.items()
        if value not in ("auto", "off")
    ]
    if problems:
        raise ConfigError.from_problems(problems)


class HearingModel(LearningModel):
    """A local model that hears.

    Args:
        model: as loaded.
        options: how it was loaded.
        tokenizer: the checkpoint's.
        clips: reads clips.
        name: the name of the system; ``None`` for that of the model's folder.
        family: which wording of a prompt it is given.
        tree: ``auto``, or ``off`` to continue each answer in a row of its own.
    """

    def __init__(
        self,
        model: Any,
        options: LoadOptions,
        *,
        tokenizer: Any,
        clips: ClipReader,
        name: str | None,
        family: str,
        tree: str = "auto",
    ) -> None:
        check_switches(tree=tree)
        super().__init__(model, options)
        self.tokenizer = tokenizer
        self.marks = control_marks(tokenizer)
        self.clips = clips
        self.name = name or options.name
        self.family = family
        self.modalities = MODALITIES
        self.encoder_passes = 0
        """How many pieces of sound the encoder has run so far."""
        self.tree = tree
        ends = self._settings["eos_token_id"] or [tokenizer.eos_token_id]
        self.eos_ids = tuple(int(end) for end in ends if end is not None)
        pad = tokenizer.pad_token_id
        self.filler = int(pad) if pad is not None else next(iter(self.eos_ids), 0)

    def option_tokens(self, option: str) -> list[int]:
        """An option as token ids."""
        return self.tokens(option)

    def tokens(self, text: str) -> list[int]:
        """A text as token ids, without those that a chat template writes itself."""
        return [int(token) for token in self.tokenizer(text, add_special_tokens=False)["input_ids"]]

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids as text, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def describe(self) -> Mapping[str, Any]:
        """Weights, settings, optimisations, and what becomes of long clips."""
        said = dict(super().describe())
        optimisations = dict(said.get("optimisations", {}))
        if self.tree == "off":
            optimisations["prefix_tree"] = {"on": False, "why": "switched off"}
        optimisations["trimmed_encoding"] = self.trimming()
        return {
            **said,
            "optimisations": optimisations,
            "clips": self.clips.describe(),
            "encoder_passes": self.encoder_passes,
        }

    def cuts(self) -> Mapping[str, int]:
        """How many clips were cut so far, by the limit."""
        return self.clips.cuts()

    def trimming(self) -> dict[str, Any]:
        """Whether the padding of clips is left out, and why or why not."""
        return {"on": False, "why": "not known to be exact for this architecture"}

    def waves(self, questions: Sequence[Question]) -> list[Wave | None]:
        """The sound of each question, decoded.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        for question in questions:
            check_question(question)
        return [
            None if question.clip is None else self.wave(question.clip) for question in questions
        ]

    def wave(self, clip: Clip) -> Wave:
        """The sound of a clip, decoded.

        Raises:
            AudioError: it cannot be used.
        """
        return self.clips.read(clip)


@dataclass(frozen=True)
class Embedded:
    """Prompts as a language model takes them, padded on the left.

    Args:
        ids: (n, L) tokens, a placeholder for each embedding of sound.
        mask: (n, L) bool, true where a token is real.
        embeds: (n, L, width).
    """

    ids: torch.Tensor
    mask: torch.Tensor
    embeds: torch.Tensor


class PromptedModel(HearingModel):
    """A speech LLM whose sound becomes embeddings in place of placeholder tokens.

    The arguments are those of :class:`HearingModel`, and the id of the placeholder,
    ``audio_token_id``.
    """

    def __init__(self, *arguments: Any, audio_token_id: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.audio_token_id = audio_token_id
        self.language = LanguagePart(self.model)
        self._states = LessonStates(self.language.body)
        self.tower = part_of(self.model, "audio_tower")
        self._encoder = EncoderIdentity(self.tower)
        self._cache: SoundCache | None = None

    @abstractmethod
    def hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """What the encoder makes of each clip: (tokens, width of the encoder)."""

    @abstractmethod
    def project(self, heard: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What was heard as embeddings: (tokens, width of the language model) each."""

    @abstractmethod
    def audio_tokens(self, samples: int) -> int:
        """How many placeholder tokens stand for a clip of so many samples."""

    @abstractmethod
    def prompt_tokens(self, question: Question, count: int) -> list[int]:
        """The token ids of a question whose sound makes ``count`` tokens."""

    def prepare(self, questions: Sequence[Question]) -> Prefix:
        """Encode the clips and run the prompts, together as one batch.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        return self.run(self.embedded(questions))

    def embedded(self, questions: Sequence[Question]) -> Embedded:
        """Questions as the language model takes them, padded on the left, without gradients.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        import torch

        with torch.inference_mode():
            heard = self._heard(questions)
            ids, mask = self._placed(padded_left(self._prompts(questions, heard), self.filler))
            return Embedded(ids, mask, self._embeds(ids, mask, self.project(heard)))

    def run(self, given: Embedded) -> Prefix:
        """Run prompts, together as one batch."""
        return run_prompt(
            self.language,
            {"inputs_embeds": given.embeds},
            mask=given.mask,
            input_ids=given.ids,
            eos_ids=self.eos_ids,
            decode=self.decode,
            strategy="rows" if self.tree == "off" else "tree",
        )

    def states(self, questions: Sequence[Question]) -> tuple[torch.Tensor, torch.Tensor]:
        """The last states of prompts, before the head; differentiable.

        Returns:
            (n, L, width), padded on the right, and (n, L) bool, true where a state is real.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        with enough_memory():
            heard = self._heard(questions)
            return self._all_states(self._prompts(questions, heard), heard)

    def hidden_states(
        self, questions: Sequence[Question]
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """The states of prompts after each layer, without gradients.

        Returns:
            For the embeddings and then each layer (n, L, width), padded on the left, the
            last one normed as the head takes it; and (n, L) bool, true where a state is real.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        import torch

        given = self.embedded(questions)
        with torch.inference_mode(), enough_memory():
            out = self.language.body(
                inputs_embeds=given.embeds,
                attention_mask=given.mask.long(),
                position_ids=positions_of(given.mask),
                use_cache=False,
                output_hidden_states=True,
            )
        return tuple(out.hidden_states), given.mask

    def encode(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """The embeddings of each clip: (tokens, width of the language model)."""
        import torch

        with torch.inference_mode():
            return self.project(self.hear(waves))

    def wave(self, clip: Clip) -> Wave:
        """The sound of a clip, decoded.

        Raises:
            AudioError: it cannot be used, or the encoder makes nothing of it.
        """
        wave = self.clips.read(clip)
        if not self.audio_tokens(len(wave)):
            raise self.clips.too_short(clip)
        return wave

    def text_tokens(self, question: Question) -> list[int]:
        """The token ids of a question without sound."""
        return self.prompt_tokens(question, 0)

    def lesson_prompts(self, questions: Sequence[Question]) -> list[list[int]]:
        """The token ids of questions, with as many places as their sounds need."""
        waves = self.waves(questions)
        return [
            self.prompt_tokens(question, 0 if wave is None else self.audio_tokens(len(wave)))
            for question, wave in zip(questions, waves, strict=True)
        ]

    def losses(
        self, questions: Sequence[Question], answers: Sequence[list[int]], on: LossOn
    ) -> TokenLosses:
        """The losses of answers to questions."""
        with enough_memory():
            heard = self._heard(questions)
            prompts = self._prompts(questions, heard)
            lessons = [LessonTokens(*each) for each in zip(prompts, answers, strict=True)]
            # nothing is foretold by the last token
            rows = [each.prompt + each.answer[:-1] for each in lessons]
            ids, mask = self._placed(padded_right(rows, self.filler))
            embeds = self._embeds(ids, mask, self.project(heard))
            targets = targets_of(lessons, on=on, never=(self.audio_token_id,))
            row, column = targets.foretelling(embeds.device)
            shared = min(alike(rows, self.audio_token_id), min(targets.column) - 1)
            states = self._states.at(embeds, row, column, shared=shared)
            return token_losses(states, targets, self.language.head)

    def frozen_parts(self) -> list[Any]:
        """The encoder, where nothing in it is trained."""
        return [] if is_trained(self.tower) else [self.tower]

    def layer_contexts(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        """What surrounds a layer in its pass, and when it is computed again for the gradients."""
        return self._states.layer_contexts()

    def keep_sounds(self, cache: SoundCache | None) -> None:
        """Keep what the encoder makes of each clip, wherever nothing in it is trained.

        Args:
            cache: where; ``None``: nowhere.
        """
        self._cache = cache

    def encoding(self) -> dict[str, Any]:
        """What shapes the outputs of the encoder besides its weights."""
        return {
            "encoder": type(self.tower).__name__,
            "trim": self.trimming()["on"],
            "dtype": str(self.language.dtype),
            "seconds": self.clips.limit,
            "channels": self.clips.channels,
        }

    def describe(self) -> Mapping[str, Any]:
        """What every model that hears says, and where sounds are kept."""
        kept = None if self._cache is None else self._cache.describe()
        return {**super().describe(), "sounds_kept": kept}

    def _all_states(
        self, rows: Sequence[Sequence[int]], heard: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The last states of rows of tokens, padded on the right, and which are real."""
        ids, mask = self._placed(padded_right(rows, self.filler))
        return self._states.everywhere(self._embeds(ids, mask, self.project(heard))), mask

    def lesson_savings(self) -> Mapping[str, Any]:
        """Which savings of :mod:`~equivoice.models.decoding.lesson_states` are on, and why."""
        if is_trained(self.model):
            # so that the record of a training says what it does
            self._states.ready()
        return self._states.describe()

    def _heard(self, questions: Sequence[Question]) -> list[torch.Tensor]:
        """What the encoder makes of the sounds: with a graph only where it is trained."""
        import torch

        for question in questions:
            check_question(question)
        clips = [question.clip for question in questions if question.clip is not None]
        if not clips:
            return []
        if is_trained(self.tower):
            return self.hear([self.wave(clip) for clip in clips])
        self.tower.eval()
        # as in inference, whatever precision the rest is trained in
        with torch.no_grad(), torch.autocast(self.language.device.type, enabled=False):
            if self._cache is None:
                return self.hear([self.wave(clip) for clip in clips])
            return self._kept(clips, self._cache)

    def _kept(self, clips: Sequence[Clip], cache: SoundCache) -> list[torch.Tensor]:
        """What the encoder makes of clips, as far as possible from the disk."""
        encoder = self._encoder(self.encoding())
        keys = [cache.key(clip, encoder) for clip in clips]
        found: dict[Clip, torch.Tensor] = {}
        for clip, key in zip(clips, keys, strict=True):
            known = None if key is None or clip in found else cache.get(key)
            if known is not None:
                self.clips.end(clip)
                found[clip] = known
        missing = {clip: key for clip, key in zip(clips, keys, strict=True) if clip not in found}
        for group in self._alone_or_together(list(missing)):
            for clip, heard in zip(
                group, self.hear([self.wave(one) for one in group]), strict=True
            ):
                key = missing[clip]
                if key is not None:
                    cache.put(key, heard)
                found[clip] = heard
        return [found[clip].to(self.language.device) for clip in clips]

    def _alone_or_together(self, clips: list[Clip]) -> list[list[Clip]]:
        """On a CPU each clip alone, so that what is kept does not depend on its batch."""
        if self.language.device.type == "cpu":
            return [[clip] for clip in clips]
        return [clips] if clips else []

    def _prompts(
        self, questions: Sequence[Question], heard: Sequence[torch.Tensor]
    ) -> list[list[int]]:
        """The token ids of questions, with places for what was heard of those with sound."""
        rest = iter(heard)
        return [
            self.prompt_tokens(question, 0 if question.clip is None else len(next(rest)))
            for question in questions
        ]

    def _placed(
        self, padded: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = padded
        return ids.to(self.language.device), mask.to(self.language.device)

    def _embeds(
        self, ids: torch.Tensor, mask: torch.Tensor, sound: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The embeddings of padded tokens, with those of sound in their places, in order."""
        import torch

        embeds: torch.Tensor = self.language.embed(ids)
        if not sound:
            return embeds
        found = torch.cat(list(sound)).to(embeds)
        places = (ids == self.audio_token_id) & mask
        if int(places.sum()) != len(found):
            raise RunError(
                f"{len(found)} embeddings of sound for {int(places.sum())} places: "
                "the model's formula for its audio tokens is another than expected"
            )
        return embeds.masked_scatter(places[..., None], found)


def padded_left(rows: Sequence[Sequence[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids as (n, L), padded on the left, and the mask of the real ones."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), filler, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, longest - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[number, longest - len(row) :] = True
    return ids, mask
