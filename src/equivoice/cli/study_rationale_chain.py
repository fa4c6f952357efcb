"""``equivoice study rationale-chain``: teacher, filters, student, grounding, judge, offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from equivoice.cli.config import VerbConfig, command_line, configured, option
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.study_fair_training import Seeds, recipe_section
from equivoice.cli.training_bar import training_bar
from equivoice.corpora import Corpus, load_corpus
from equivoice.corpora.synthetic import Biases
from equivoice.errors import ConfigError
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.chain.verdict import chain_statements
from equivoice.studies.fair.speech import made_speech
from equivoice.studies.rationale_chain import (
    Chain,
    Watching,
    rationale_chain,
    write_rationale_chain,
)

__all__ = ["RationaleChainConfig", "rationale_chain_verb", "tell_chains"]

_SPEECH = "speech"
_SECTIONS = ("objective", "model", "optimiser", "selection")


class RationaleChainConfig(VerbConfig):
    """Options of ``study rationale-chain``."""

    out: Path = option("the folder for speech, reasons, models, answers and page", short="-o")
    corpus: tuple[str, ...] = option(
        "a prepared corpus with sound and transcripts; by default speech is made", default=()
    )
    seeds: Seeds = option("of first weights and training, such as 0,1,2", default=(0, 1))
    fold: str | None = option(
        "whose training part is explained; the first by default", default=None
    )
    faults: float = option(
        "share of reasons that break a rule on purpose", default=0.15, ge=0, le=1
    )
    slips: float = option("share of claims that are wrong on purpose", default=0.1, ge=0, le=1)
    limit: int | None = option("at most so many utterances of each part", default=None, ge=1)
    max_new_tokens: int = option("room for an answer, in tokens", default=160, ge=16)
    per_emotion: int = option("pairs judged of each predicted emotion", default=50, ge=1)
    speakers: int = option("speakers of the speech that is made", default=36, ge=2)
    per_speaker: int = option("utterances of each of them", default=12, ge=1)
    tested: int = option("test speakers of each gender in each language", default=2, ge=1)
    replicates: int = option("bootstrap replicates", default=2_000, ge=20)
    permutations: int = option("arrangements of a permutation test", default=1_000, ge=1)
    shuffles: int = option("of the sound, for claims true by chance", default=200, ge=0)
    level: float = option("coverage of the intervals", default=0.95, ge=0.5, le=0.999)
    seed: int = option("of the speech that is made and of all draws", default=0, ge=0)
    workers: int | None = option("processes that measure; one a core by default", default=None)
    dry_run: bool = option("say what would be done and write nothing", default=False)
    objective: dict[str, Any] = recipe_section("as in train: what is minimised")
    model: dict[str, Any] = recipe_section("as in train: what of the model is trained")
    optimiser: dict[str, Any] = recipe_section("as in train: how it is minimised")
    selection: dict[str, Any] = recipe_section("as in train: which checkpoint is the best")


@configured(RationaleChainConfig)
def rationale_chain_verb(config: RationaleChainConfig) -> None:
    """Run the whole chain of reasons offline: teacher, filters, student, scores, grounding, judge.

    A scripted teacher writes reasons from measurements of the sound, with faults planted;
    small speech LLMs learn with and without them, from the same weights, and are asked
    about test speakers in the open and in the closed form; what they claim is held against
    the sound, and a scripted judge compares it. Give the same command again to go on.

    Example:
      equivoice study rationale-chain -o chain
      equivoice study rationale-chain --corpus corpora/ravdess --fold 1 --seeds 0,1,2 -o chain optimiser.epochs=12
    """
    settings = _settings(config)
    if config.dry_run:
        what = ", ".join(config.corpus) or "speech that is made"
        number = len(ARMS) * len(settings.seeds)
        say(
            f"would train {number} small speech LLMs for each corpus on {what}, and ask each in two "
            f"forms, in {config.out}",
            "nothing was written",
        )
        return
    corpora = _speech(config)
    # one bar alone: two would overwrite each other, and asking takes seconds
    with training_bar(shown=True) as training:
        watching = Watching(training, step=note, command=command_line(), workers=config.workers)
        found = rationale_chain(corpora, config.out, settings, watching=watching)
    page = write_rationale_chain(found, config.out, command=command_line())
    tell_chains(found)
    finish(page)


def tell_chains(found: list[Chain]) -> None:
    """Print what can and what cannot be concluded, corpus by corpus."""
    for chain in found:
        can, cannot = chain_statements(chain)
        say("", chain.corpus.name, *(f"  - {text}" for text in (*can, *cannot)))


def _settings(config: RationaleChainConfig) -> ChainSettings:
    named = set(ChainSettings.__dataclass_fields__) - {"recipe", "size"}
    values = {name: getattr(config, name) for name in named}
    recipe = {name: dict(given) for name in _SECTIONS if (given := getattr(config, name))}
    return replace(ChainSettings(**values), recipe=recipe)


def _speech(config: RationaleChainConfig) -> list[Corpus]:
    if config.corpus:
        return [load_corpus(Path(place)) for place in config.corpus]
    if config.fold not in (None, "1"):
        raise ConfigError("the speech that is made has one fold", value=config.fold, choices=["1"])
    with progress("making speech") as report:
        made = made_speech(
            config.out / _SPEECH,
            seed=config.seed,
            speakers=config.speakers,
            per_speaker=config.per_speaker,
            tested=config.tested,
            biases=Biases.none(),
            progress=lambda done, total: report("speakers", done, total),
        )
    return [made]
