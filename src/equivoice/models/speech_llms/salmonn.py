"""SALMONN: two encoders, a Q-Former over windows, and Vicuna or LLaMA with LoRA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from equivoice.errors import ConfigError
from equivoice.models.decoding.adapter_files import adapter_config, describe_adapter, read_adapter
from equivoice.models.decoding.beam_search import beam_answers
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
    pick_device,
)
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.hearing.backend import Embedded, PromptedModel
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.hearing.language_part import part_of
from equivoice.models.hearing.mel import LogMel
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.models.salmonn.convert import LORA_FOLDER
from equivoice.models.salmonn.wording import written

if TYPE_CHECKING:
    from pathlib import Path

    import torch

__all__ = ["Salmonn"]

_CLIPS_AT_ONCE = 8
# the release fills shorter clips with silence
_SHORTEST = RATE


@dataclass(frozen=True, kw_only=True)
class _Asked(Prefix):
    """A prefix that remembers the prompts it was run on, from which beams start."""

    given: Embedded


class Salmonn(PromptedModel):
    """SALMONN 7B or 13B, converted from its published parts by ``equivoice models convert-salmonn``.

    Of several channels the first is heard. A clip is padded to 30 s for Whisper's encoder,
    which attends to the padding. Both are as in the release. A system turn is written before the user's, as Vicuna takes one; SALMONN was
    trained without.

    Args:
        model: the converted folder. Its own LoRA adapter (folder ``lora``) is part of the
            model, unless ``adapter`` brings another.
        name: the name of the system; ``None`` for that of the folder.
        tree: ``auto`` evaluates distinct answers once, where that is exact; or ``off``.
        beams: at temperature 0, answers are found by a search over so many beams (the
            release's demonstrations use 4); 1 takes the most probable token at each step.
        max_seconds: the longest clip; ``None`` for the 30 s that it can hear.
        longer: ``refuse`` longer clips, or ``cut`` them there (and count them), as the
            release does.
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the folder is no converted SALMONN, or an unknown choice.
        MissingDependencyError: torch or transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        tree: str = "auto",
        beams: int = 1,
        max_seconds: float | None = None,
        longer: str = "refuse",
        **loading: Unpack[Loading],
    ) -> None:
        if beams < 1:
            raise ConfigError("fewer beams than one", value=beams, hint="beams=4, or 1 for none")
        options = LoadOptions(model, **loading)
        mel = LogMel(load_processing("WhisperFeatureExtractor", options))
        tokenizer = load_processing("AutoTokenizer", options)
        loaded, self._own_adapter = _loaded(options)
        super().__init__(
            loaded,
            options,
            tokenizer=tokenizer,
            clips=ClipReader(
                mel.most_samples / RATE, max_seconds=max_seconds, longer=longer, channels="first"
            ),
            name=name,
            family="salmonn",
            tree=tree,
            audio_token_id=int(loaded.config.audio_token_id),
        )
        self.mel = mel
        self.beams = beams
        self.projector = part_of(loaded, "multi_modal_projector")
        self._embeddings = int(loaded.config.embeddings_per_clip)

    def trimming(self) -> dict[str, Any]:
        """Whether the padding of clips is left out, and why or why not."""
        return {
            "on": False,
            "why": "Whisper's encoder attends to the padding, which is part of the model",
        }

    def audio_tokens(self, samples: int) -> int:
        """How many placeholder tokens stand for a clip: as many for any, being padded to 30 s."""
        return self._embeddings if samples else 0

    def prompt_tokens(self, question: Question, count: int) -> list[int]:
        """The token ids of a question whose sound makes ``count`` tokens."""
        pieces = written(question.turns, end=self.tokenizer.eos_token, marks=self.marks)
        sides = [self.tokens(piece) for piece in pieces]
        if any(self.audio_token_id in side for side in sides):
            raise ConfigError(
                "the prompt's text holds the token that stands for sound",
                value=question.utterance_id,
                hint=f"take {self.tokenizer.convert_ids_to_tokens(self.audio_token_id)!r} out",
            )
        begin = self.tokenizer.bos_token_id
        first = [] if begin is None else [int(begin)]
        places = [self.audio_token_id] * count
        return [*first, *sides[0], *(token for side in sides[1:] for token in (*places, *side))]

    def hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """What both encoders make of each clip: (windows, frames of a window side by side)."""
        found = []
        for at in range(0, len(waves), _CLIPS_AT_ONCE):
            group = [_at_least_a_second(wave) for wave in waves[at : at + _CLIPS_AT_ONCE]]
            found += self._hear(group)
        self.encoder_passes += len(waves)
        return found

    def project(self, heard: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What was heard as embeddings: (tokens, width of the language model) each."""
        return [self.projector(each) for each in heard]

    def prepare(self, questions: Sequence[Question]) -> Prefix:
        """Encode the clips and run the prompts, together as one batch.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        given = self.embedded(questions)
        prefix = self.run(given)
        if self.beams == 1:
            return prefix
        held = {each.name: getattr(prefix, each.name) for each in fields(Prefix)}
        return _Asked(**held, given=given)

    def sample(
        self, prefix: Prefix, draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Answers from a prepared prefix, one a draw; by beams at temperature 0."""
        if not isinstance(prefix, _Asked):
            return super().sample(prefix, draws, decoding)
        warm = [[draw for draw in each if draw.temperature > 0] for each in draws]
        drawn = [iter(said) for said in super().sample(prefix, warm, decoding)]
        best = self._best(prefix.given, decoding) if warm != [list(each) for each in draws] else []
        return [
            [next(rest) if draw.temperature > 0 else best[at] for draw in each]
            for at, (each, rest) in enumerate(zip(draws, drawn, strict=True))
        ]

    def describe(self) -> Mapping[str, Any]:
        """What every model that hears says, its own adapter, and how answers are searched for."""
        own = self._own_adapter
        return {
            **super().describe(),
            "own_adapter": None if own is None else describe_adapter(self.model, own),
            "beams": self.beams,
        }

    def _hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        import torch

        from equivoice.models.salmonn.beats import normalised, patch_count
        from equivoice.models.salmonn.filter_bank import filter_bank

        banks = [normalised(filter_bank(torch.from_numpy(wave))) for wave in waves]
        bank = torch.nn.utils.rnn.pad_sequence(banks, batch_first=True)
        patch = int(self.model.config.beats_config.input_patch_size)
        weight = self.tower.whisper.conv1.weight
        heard: list[torch.Tensor] = self.tower(
            self.mel(waves).to(weight), bank.to(weight), [patch_count(len(w), patch) for w in waves]
        )
        return heard

    def _best(self, given: Embedded, decoding: Decoding) -> list[Said]:
        """The answer to each question by beam search."""
        return beam_answers(
            part_of(self.model, "language_model"),
            given.embeds,
            given.mask,
            beams=self.beams,
            effective=self.effective(decoding),
            eos_ids=self.eos_ids,
            filler=self.filler,
            decode=self.decode,
        )


def _loaded(options: LoadOptions) -> tuple[Any, Path | None]:
    """The model, and the folder of its own adapter where that is in use."""
    pick_device(options.device)
    from equivoice.models.salmonn.model import SalmonnForConditionalGeneration

    model = load_pretrained(SalmonnForConditionalGeneration, options)
    folder = None if options.folder is None else options.folder / LORA_FOLDER
    if folder is None or not folder.is_dir() or adapter_config(model) is not None:
        return model, None
    read_adapter(model, folder)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model, folder


def _at_least_a_second(wave: Wave) -> Wave:
    return np.pad(wave, (0, max(0, _SHORTEST - len(wave))))
