"""``equivoice study abhinaya``: the challenge system's tables for what was run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from equivoice.cli.config import VerbConfig, argument, command_line, configured, option
from equivoice.cli.console import finish, note_left_out, progress, say
from equivoice.cli.ensemble import balanced_number
from equivoice.errors import ConfigError
from equivoice.reports.ensembles import gains_in_words
from equivoice.studies.abhinaya.measuring import AbhinayaSettings, read_loss
from equivoice.studies.abhinaya_vote import abhinaya_vote, write_abhinaya

__all__ = ["AbhinayaConfig", "abhinaya_verb"]


class AbhinayaConfig(VerbConfig):
    """Options of ``study abhinaya``."""

    members: tuple[str, ...] = argument(
        "NAME=RUN#SYSTEM; under the names S1, S2, T1, T2, ST1 beside the printed rows", default=()
    )
    out: Path = option("the folder for page and tables", short="-o")
    reference: Path | None = option(
        "a corpus or a table with the labels; those of the runs by default", default=None
    )
    loss: tuple[str, ...] = option(
        "a run for Table 2, SYSTEM:LOSS=RUN, with the loss wce, wfl, vs or another", default=()
    )
    zero_shot: tuple[str, ...] = option("a run for Figure 2, MODEL=RUN", default=())
    breaker: str | None = option("who breaks ties; S2 where there is one", default=None)
    balanced: str | None = option(
        "score equally many utterances of each emotion: a number (the paper: 326), or 'all'",
        default=None,
    )
    utterances: Literal["same", "common", "any"] = option(
        "what is done where members answer different utterances", default="same"
    )
    corpus: str | None = option("which corpus, where runs have several", default=None)
    replicates: int = option("bootstrap replicates", default=2_000, ge=20)
    permutations: int = option("arrangements of a permutation test", default=1_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("of all draws", default=0, ge=0)


@configured(AbhinayaConfig)
def abhinaya_verb(config: AbhinayaConfig) -> None:
    """ABHINAYA's Tables 1 to 4 and Figure 2 for what was run, beside the printed numbers.

    Members vote; a tie is read by the paper's words and by ours. Each loss is compared with
    the first that is named for its system, paired over speakers.

    Example:
      equivoice study abhinaya S1=runs/wavlm S2=runs/salmonn T1=runs/llama#llama T2=runs/t2 ST1=runs/st1 --balanced 326 -o abhinaya
      equivoice study abhinaya --loss S1:wce=runs/wce --loss S1:wfl=runs/wfl -o losses
    """
    losses = [read_loss(text) for text in config.loss]
    models = [_model(text) for text in config.zero_shot]
    settings = AbhinayaSettings(
        config.breaker,
        balanced_number(config.balanced),
        config.utterances,
        config.corpus,
        config.replicates,
        config.permutations,
        config.level,
        config.seed,
    )
    with progress("scoring") as report:
        found = abhinaya_vote(
            config.members,
            reference=config.reference,
            losses=losses,
            zero_shot=models,
            settings=settings,
            watch=lambda what: report(what, 0, 1),
        )
    page = write_abhinaya(found, config.out, command=command_line())
    if found.votes is not None:
        made = found.votes.paper
        say(*(f"  - {text}" for text in gains_in_words(made.findings, made.estimates)))
        note_left_out(made.left_out)
    finish(page)


def _model(text: str) -> tuple[str, str]:
    """``MODEL=RUN`` taken apart."""
    name, equals, place = text.partition("=")
    if not (name.strip() and equals and place.strip()):
        raise ConfigError(
            "a run of Figure 2 is written MODEL=RUN",
            value=text,
            hint="such as LLaMA-3.1-8B-Instruct=runs/llama#llama",
        )
    return name.strip(), place.strip()
