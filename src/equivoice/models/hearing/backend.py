"""What every speech LLM does alike: read clips, encode them, put them into the prompt, run it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, RunError
from equivoice.models.decoding.backend import PrefixModel
from equivoice.models.decoding.loading import LoadOptions
from equivoice.models.decoding.marks import control_marks
from equivoice.models.decoding.prefix import Prefix, run_prompt
from equivoice.models.hearing.chat import check_question
from equivoice.models.hearing.clips import ClipReader, Wave
from equivoice.models.hearing.language_part import LanguagePart
from equivoice.models.language import Question

if TYPE_CHECKING:
    import torch

__all__ = ["MODALITIES", "HearingModel", "PromptedModel", "check_switches", "padded_left"]

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


class HearingModel(PrefixModel):
    """A local model that hears.

    Args:
        model: as loaded.
        options: how it was loaded.
        tokenizer: the checkpoint's.
        clips: reads clips.
        name: the name of the system; ``None`` for the last part of the model's place.
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
        self.name = name or options.model.rstrip("/").rpartition("/")[2]
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
            None if question.clip is None else self.clips.read(question.clip)
            for question in questions
        ]


class PromptedModel(HearingModel):
    """A speech LLM whose sound becomes embeddings in place of placeholder tokens.

    The arguments are those of :class:`HearingModel`, and the id of the placeholder,
    ``audio_token_id``.
    """

    def __init__(self, *arguments: Any, audio_token_id: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.audio_token_id = audio_token_id
        self.language = LanguagePart(self.model)

    @abstractmethod
    def encode(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """The embeddings of each clip: (tokens, width of the language model)."""

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
        waves = self.waves(questions)
        counts = [0 if wave is None else self.audio_tokens(len(wave)) for wave in waves]
        for question, count in zip(questions, counts, strict=True):
            if question.clip is not None and not count:
                raise self.clips.too_short(question.clip)
        rows = [
            self.prompt_tokens(question, count)
            for question, count in zip(questions, counts, strict=True)
        ]
        return self.run(rows, [wave for wave in waves if wave is not None])

    def run(self, rows: Sequence[Sequence[int]], waves: Sequence[Wave]) -> Prefix:
        """Run prompts of token ids in which sound takes its places in order."""
        import torch

        ids, mask = padded_left(rows, self.filler)
        ids, mask = ids.to(self.language.device), mask.to(self.language.device)
        with torch.inference_mode():
            embeds = self.language.embed(ids)
            if waves:
                heard = torch.cat(self.encode(waves)).to(embeds)
                places = (ids == self.audio_token_id) & mask
                if int(places.sum()) != len(heard):
                    raise RunError(
                        f"{len(heard)} embeddings of sound for {int(places.sum())} places: "
                        "the model's formula for its audio tokens is another than expected"
                    )
                embeds = embeds.masked_scatter(places[..., None], heard)
        return run_prompt(
            self.language,
            {"inputs_embeds": embeds},
            mask=mask,
            input_ids=ids,
            eos_ids=self.eos_ids,
            decode=self.decode,
            strategy="rows" if self.tree == "off" else "tree",
        )


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
