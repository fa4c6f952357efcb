"""``equivoice ensemble``: several systems vote, and the report says what that gains."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl

from equivoice.cli.benchmark import Words
from equivoice.cli.certainty import CertaintyConfig
from equivoice.cli.config import argument, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.reporting import write_report
from equivoice.errors import ConfigError
from equivoice.evaluation.ensemble import TIES, Ensemble, combine, ensemble, ensemble_settings
from equivoice.evaluation.ensemble.ruling import METHODS
from equivoice.reports import main_table
from equivoice.reports.ensembles import SCORES, gains_in_words

app = verb_app()

_VERB = "ensemble"


class EnsembleConfig(CertaintyConfig):
    """Options of ``ensemble``."""

    members: tuple[str, ...] = argument("a finished run, RUN#SYSTEM, NAME=RUN#SYSTEM, or a table")
    out: Path = option("the folder for the ensemble", short="-o")
    reference: Path | None = option(
        "a corpus or a table with the labels; those of the runs by default", default=None
    )
    method: Words = option(f"how votes are combined: {', '.join(METHODS)}", default=("majority",))
    tie: str = option(f"what happens at a tie: {', '.join(TIES)}", default="among_tied")
    breaker: Words = option(
        "members that are asked first at a tie, in order; by default the best on validation, "
        "else as given",
        default=(),
    )
    weight: Words = option("MEMBER=NUMBER, what a vote weighs", default=())
    validation: tuple[str, ...] = option(
        "predictions of the same members on other utterances, to learn from", default=()
    )
    learn_from: Literal["validation", "folds"] = option(
        "what stacking is fitted to; 'folds': to all folds but the one that is scored",
        default="validation",
    )
    utterances: Literal["same", "common", "any"] = option(
        "'same' refuses members that answer different utterances, 'common' keeps what all answer, "
        "'any' lets those vote that are there",
        default="same",
    )
    corpus: str | None = option("which corpus, where the runs have several", default=None)
    balanced: str | None = option(
        "score equally many utterances of each emotion: a number, or 'all' for as many as there are",
        default=None,
    )
    group: tuple[str, ...] = option("what to compare, such as gender", default=())
    subsets: bool = option("score every subset of the members", default=True)
    replicates: int = option("bootstrap replicates", default=10_000, ge=20)
    dry_run: bool = option("read and count the votes, and write nothing", default=False)
    overwrite: bool = option("replace what stands in the folder", default=False)


@app.command(name=_VERB)
@configured(EnsembleConfig)
def ensemble_verb(config: EnsembleConfig) -> None:
    """Let several systems vote on the same utterances, and say what that gains.

    Members are the systems of finished runs and of tables with 'utterance_id' and
    'emotion'. The report has the gain over each member with paired intervals over
    speakers, how members agree, what an oracle over them would score, and the score
    of every subset.

    Example:
      equivoice ensemble runs/acoustic runs/compact runs/text -o runs/vote
      equivoice ensemble S1=a.csv S2=b.csv T1=c.csv --reference corpora/msp --breaker S2 --tie abhinaya_paper -o runs/vote
      equivoice ensemble runs/a runs/b --method soft,stacking --learn-from folds -o runs/vote
    """
    asked = _settings(config)
    if config.dry_run:
        quick = {**asked, "replicates": 20, "permutations": 1, "subsets": False}
        made = combine(
            config.members, config.reference, config.validation, ensemble_settings(quick)
        )
        names = ", ".join(made.findings.members)
        say(f"{made.utterances.height} utterances, members {names}; nothing was written")
        note_left_out(made.left_out)
        return
    found = ensemble(
        config.members,
        reference=config.reference,
        validation=config.validation,
        out=config.out,
        overwrite=config.overwrite,
        command=command_line(),
        **asked,
    )
    _tell(found)


def _tell(found: Ensemble) -> None:
    shown = (pl.col("quantity") == "score") & pl.col("metric").is_in(list(SCORES))
    say(main_table(found.estimates.filter(shown & pl.col("class").is_null())), "")
    say(*(f"  - {text}" for text in gains_in_words(found.findings, found.estimates)))
    note(*found.notes)
    note_left_out(found.left_out)
    if found.folder is not None:
        finish(write_report(found.folder))


def _settings(config: EnsembleConfig) -> dict[str, Any]:
    return {
        "method": config.method,
        "tie": config.tie,
        "breaker": config.breaker,
        "weights": _weights(config.weight),
        "learn_from": config.learn_from,
        "utterances": config.utterances,
        "corpus": config.corpus,
        "balanced": balanced_number(config.balanced),
        "group_by": config.group,
        "subsets": config.subsets,
        **config.certainty,
    }


def _weights(given: tuple[str, ...]) -> dict[str, float] | None:
    """``MEMBER=NUMBER`` taken apart; none where no weight is given."""
    weights: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            equals = ""
        if not (name and equals):
            raise ConfigError("a weight is written MEMBER=NUMBER", value=text, hint="such as S2=2")
    return weights or None


def balanced_number(given: str | None) -> int | bool:
    """``--balanced`` as ``ensemble`` takes it.

    Raises:
        ConfigError: neither a number nor ``all``.

    Example:
        >>> balanced_number("326"), balanced_number("all"), balanced_number(None)
        (326, True, False)
    """
    if given is None:
        return False
    if given == "all":
        return True
    if not given.isdecimal() or int(given) < 1:
        raise ConfigError("balanced: neither a number nor 'all'", value=given)
    return int(given)
