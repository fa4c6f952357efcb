"""How language systems are asked: prompts × label orders × modalities, as cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.inference import Asking, Cell
from equivoice.models import LanguageBackend
from equivoice.prompting import MODALITIES, Options, Prompt, load_prompt, make_options
from equivoice.prompting.parsing import CONVENTIONS
from equivoice.records import Label, LabelSpace

__all__ = ["Grid", "asked_part", "make_grid", "with_transcript"]


@dataclass(frozen=True)
class Grid:
    """The ways in which language systems are asked.

    Args:
        settings: what was asked for.
        prompts: by name.
    """

    settings: BenchmarkSettings
    prompts: Mapping[str, Prompt] = field(default_factory=dict)

    def cells(self, name: str, system: LanguageBackend, corpus: Corpus) -> Iterator[Cell]:
        """The cells of a language system on a corpus.

        A label order that shows the options just as an earlier one does is left
        out, and so is what a system cannot be given; :meth:`notes` says so.

        Args:
            name: what the system is called in tables.
            system: the system.
            corpus: with its folds.

        Raises:
            ConfigError: the system can be given none of the modalities, or a prompt
                has no wording for it.
        """
        ways = [
            (prompt.name, order, modality)
            for prompt in self.prompts.values()
            for order, first in self._orders(prompt, corpus.label_space).items()
            if order == first
            for modality in self._possible(name, system, prompt)
        ]
        for fold in corpus.fold_names:
            if self.settings.folds is None or fold in self.settings.folds:
                for prompt_name, order, modality in ways:
                    yield Cell(name, corpus.name, fold, prompt_name, order, modality)

    def notes(self, name: str, system: LanguageBackend, corpus: Corpus) -> Iterator[str]:
        """What :meth:`cells` leaves out, as sentences."""
        for modality in self.settings.modalities:
            if modality not in system.modalities:
                yield f"{name} is not asked with {modality}: it cannot be given that."
        for prompt in self.prompts.values():
            for order, first in self._orders(prompt, corpus.label_space).items():
                if order != first:
                    yield (
                        f"{corpus.name}: the label order {order} is the order {first}; "
                        "it is asked once."
                    )

    def _orders(self, prompt: Prompt, labels: LabelSpace) -> dict[str, str]:
        """From each label order to the first one that shows the options as it does."""
        seen: dict[tuple[str, ...], str] = {}
        return {
            order: seen.setdefault(self._options(prompt, order, labels).shown, order)
            for order in self.settings.label_orders
        }

    def _possible(self, name: str, system: LanguageBackend, prompt: Prompt) -> list[str]:
        wanted = self.settings.modalities
        possible = [modality for modality in wanted if modality in system.modalities]
        if not possible:
            raise ConfigError(
                f"the system {name!r} cannot be given any of the modalities asked for",
                value=", ".join(wanted),
                choices=sorted(system.modalities),
            )
        for modality in possible:
            prompt.wording(system.family, modality)  # refuses what it has no words for
        return possible

    def asking(self, cell: Cell, labels: LabelSpace) -> Asking:
        """How a cell is asked.

        Args:
            cell: of a language system.
            labels: of its corpus.
        """
        prompt = self.prompts[str(cell.prompt)]
        settings = self.settings
        return Asking(
            prompt,
            self._options(prompt, str(cell.order), labels),
            temperatures=settings.temperatures,
            runs=settings.runs,
            decoding=settings.decoding.resolved,
            parser=settings.parser,
            option_scores=settings.option_scores,
            form=settings.answer_form,
        )

    def described(
        self, systems: Mapping[str, LanguageBackend], corpora: Iterable[Corpus]
    ) -> dict[str, Any]:
        """The prompts as each system is shown them, and the options in each order."""
        spaces = {corpus.name: corpus.label_space for corpus in corpora}
        return {
            name: {
                "source": prompt.source,
                "options": {
                    corpus: {
                        order: list(self._options(prompt, order, labels).shown)
                        for order in self.settings.label_orders
                    }
                    for corpus, labels in spaces.items()
                },
                "shown": {
                    system: {
                        corpus: self._shown(prompt, labels, systems[system])
                        for corpus, labels in spaces.items()
                    }
                    for system in systems
                },
            }
            for name, prompt in self.prompts.items()
        }

    def _shown(
        self, prompt: Prompt, labels: LabelSpace, system: LanguageBackend
    ) -> dict[str, list[str]]:
        options = self._options(prompt, self.settings.label_orders[0], labels)
        return {
            modality: _turns(prompt, options, system, modality)
            for modality in self.settings.modalities
            if modality in system.modalities
        }

    def _options(self, prompt: Prompt, order: str, labels: LabelSpace) -> Options:
        return prompt.options(labels, order=order, seed=self.settings.order_seed)


def make_grid(settings: BenchmarkSettings, *, asked: bool) -> Grid:
    """Load the prompts and check what cannot be, all mistakes together.

    Args:
        settings: what is asked for.
        asked: whether any system of the run is asked in words.

    Raises:
        ConfigError: unknown prompts, orders or modalities, two prompts of one name,
            or settings that nothing would heed.
    """
    if not asked:
        unheeded = settings.asking_changed()
        if unheeded:
            raise ConfigError.from_problems(
                [f"{name}: no system of this run is asked in words" for name in unheeded]
            )
        return Grid(settings)
    problems = [
        f"modalities: {modality!r} is none of {', '.join(MODALITIES)}"
        for modality in settings.modalities
        if modality not in MODALITIES
    ]
    if settings.parser not in CONVENTIONS:
        problems.append(f"parser: {settings.parser!r} is none of {', '.join(CONVENTIONS)}")
    prompts: dict[str, Prompt] = {}
    for place in settings.prompts:
        try:
            prompt = load_prompt(place)
        except ConfigError as error:
            problems.append(f"prompts: {error}")
            continue
        if prompt.name in prompts:
            problems.append(f"prompts: two prompts have the name {prompt.name!r}")
        prompts[prompt.name] = prompt
    problems += _order_problems(settings)
    if problems:
        raise ConfigError.from_problems(problems)
    return Grid(settings, prompts)


def asked_part(corpus: Corpus, fold: str) -> pl.DataFrame:
    """The test utterances of a fold; a system that is only asked needs no training part.

    Raises:
        CorpusError: the fold has no test part.
    """
    tested = corpus.folds.filter((pl.col("fold") == fold) & (pl.col("split") == "test"))
    part = corpus.utterances.join(
        tested.select("utterance_id"), on="utterance_id", how="semi", maintain_order="left"
    )
    if part.is_empty():
        raise CorpusError(f"fold {fold} of {corpus.name} has no test part")
    return part


def with_transcript(utterances: pl.DataFrame, cell: Cell, corpus: str) -> tuple[pl.DataFrame, int]:
    """Without the utterances that a cell cannot ask about for want of a transcript.

    Returns:
        the others, and how many were left out.

    Raises:
        CorpusError: none has a transcript.
    """
    if cell.modality == "speech":
        return utterances, 0
    if "transcript" in utterances.columns:
        kept = utterances.filter(pl.col("transcript").is_not_null())
        if not kept.is_empty():
            return kept, utterances.height - kept.height
    raise CorpusError(
        f"no utterance of {corpus}, fold {cell.fold}, has a transcript, and the modality "
        f"{cell.modality} needs one",
        column="transcript",
        hint="add transcripts to the corpus, or ask with the modality speech",
    )


def _order_problems(settings: BenchmarkSettings) -> list[str]:
    problems = []
    for order in settings.label_orders:
        try:
            make_options(LabelSpace("any", (Label("any"),)), order=order)
        except ConfigError as error:
            problems.append(f"label_orders: {error}")
    return problems


def _turns(prompt: Prompt, options: Options, system: LanguageBackend, modality: str) -> list[str]:
    turns = prompt.render(
        options, family=system.family, modality=modality, transcript="{transcript}"
    )
    return [
        f"{turn.role}: "
        + "".join(part if isinstance(part, str) else "{audio}" for part in turn.parts)
        for turn in turns
    ]
