"""``equivoice study explainable``: the explainable SpeechLM's table for what was run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from equivoice.cli.config import VerbConfig, command_line, configured, option
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.score_forms import named_readers
from equivoice.studies.explainable.measuring import FormSettings
from equivoice.studies.explainable.page import differences_in_words
from equivoice.studies.explainable_forms import explainable_forms, write_explainable

__all__ = ["ExplainableConfig", "explainable_verb"]


class ExplainableConfig(VerbConfig):
    """Options of ``study explainable``."""

    out: Path = option("the folder for page and tables", short="-o")
    reference: Path = option("a prepared corpus, or a table with the labels")
    open: tuple[str, ...] = option(
        "a run in the open form, NAME=RUN#SYSTEM; under the paper's names beside its rows",
        default=(),
    )
    closed: tuple[str, ...] = option("a run in the closed form, NAME=RUN#SYSTEM", default=())
    votes: Path | None = option("a table of votes; those of the corpus by default", default=None)
    channel: str | None = option("the channel of the votes", default=None)
    against: str | None = option("the system that the others are compared with", default=None)
    no_consensus: Literal["random", "plurality", "leave_out"] = option(
        "the crowd's label where there is no majority", default="random"
    )
    reader: str | None = option(
        "a language model that says which emotion an answer decides on; else a lexicon reads",
        default=None,
    )
    sorter: str | None = option(
        "a language model that sorts words into labels; the reader by default", default=None
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of reader and sorter, by the system's name"
    )
    replicates: int = option("bootstrap replicates", default=2_000, ge=20)
    permutations: int = option("arrangements of a permutation test", default=1_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("of all draws", default=0, ge=0)


@configured(ExplainableConfig)
def explainable_verb(config: ExplainableConfig) -> None:
    """Open and closed form, majority and all labels, beside the explainable SpeechLM's table.

    Each run is read in the form in which it was asked: with the prompt open_form any words
    count, with closed_form the options. Answers with a transcript get word error rates.

    Example:
      equivoice study explainable --open Q2A=runs/q2a_open --closed Q2A=runs/q2a_closed --open Q2A+CoT=runs/cot --reference corpora/msp_podcast --against Q2A -o table
      equivoice study explainable --open mine=answers.csv --reference u.csv --votes votes.csv -o table
    """
    readers = named_readers(config.reader, config.sorter, config.options)
    settings = FormSettings(
        config.against,
        config.channel,
        config.no_consensus,
        config.replicates,
        config.permutations,
        config.level,
        config.seed,
    )
    with progress("scoring") as report:
        found = explainable_forms(
            {"open": config.open, "closed": config.closed},
            config.reference,
            votes=config.votes,
            readers=readers,
            settings=settings,
            watch=lambda what: report(what, 0, 1),
        )
    page = write_explainable(found, config.out, command=command_line())
    say(*(f"  - {text}" for text in differences_in_words(found.measured.scores.table)))
    note(*found.measured.scores.notes)
    finish(page)
