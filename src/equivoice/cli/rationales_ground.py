"""``equivoice rationales ground``: reasons held against the sound and the words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field
from rich.table import Table

from equivoice.cli.config import VerbConfig, configured, option
from equivoice.cli.console import finish, note, note_left_out, progress, say
from equivoice.corpora import load_corpus
from equivoice.errors import ConfigError
from equivoice.rationales.ground_run import (
    Grounded,
    ground_corpora,
    read_reasons,
    write_grounded,
)
from equivoice.rationales.precision import PRECISION, SHUFFLED, PrecisionSettings
from equivoice.rationales.verdicts import GroundingRules
from equivoice.records import replace_file
from equivoice.reports.rationale_cards import MOST_CARDS, cards_section, precision_section
from equivoice.reports.render import render_page
from equivoice.store.provenance import package_versions

__all__ = ["ground_verb"]


class GroundConfig(VerbConfig):
    """Options of ``rationales ground``."""

    reasons: Path = option(
        "a folder of 'rationales generate', a run, or a table with reasons", flag="from"
    )
    corpus: tuple[Path, ...] = option("the prepared corpus that they are about", min_length=1)
    out: Path = option("the folder to write", short="-o")
    every: bool = option("also reasons that a filter dropped", default=False)
    group_by: tuple[str, ...] = option("speakers are told apart by this", default=("gender",))
    rules: dict[str, Any] = Field(
        default_factory=dict, description="where the lines are drawn: clear, fewest, quote, …"
    )
    replicates: int = option("draws of the bootstrap", default=2000, ge=1)
    shuffles: int = option("how often the sound is shuffled; 0 for never", default=200, ge=0)
    seed: int = option("the root of the draws", default=0, ge=0)
    workers: int | None = option("processes that measure; one a core by default", default=None)
    cards: int = option("how many reasons the report shows", default=MOST_CARDS, ge=0)
    players: Literal["auto", "embed", "none"] = option(
        "whether the report holds recordings; auto asks the corpus's licence", default="auto"
    )


@configured(GroundConfig)
def ground_verb(config: GroundConfig) -> None:
    """Hold what reasons claim against measurements of the sound and against the transcript.

    No model judges: a claim such as "the pitch is high" is found by a grammar and compared
    with the same speaker's other utterances. Writes claims.parquet, estimates.parquet,
    measurements.parquet and report.html with the claims marked in the text.

    Example:
      equivoice rationales ground --from reasons --corpus corpora/ravdess -o grounded
      equivoice rationales ground --from runs/student --corpus corpora/synthetic -o grounded rules.clear=0.15
    """
    rules = _rules(config.rules)
    reasons = read_reasons(config.reasons, every=config.every)
    corpora = [load_corpus(path) for path in config.corpus]
    settings = PrecisionSettings(
        config.group_by, config.replicates, config.shuffles, seed=config.seed
    )
    with progress("measuring") as report:
        found = ground_corpora(
            reasons,
            corpora,
            rules=rules,
            settings=settings,
            workers=config.workers,
            progress=lambda done, total: report("utterances", done, total),
        )
    write_grounded(found, config.out)
    place = _write_page(found, config)
    _tell(found)
    note_left_out(found.left_out)
    finish([config.out / "claims.parquet", place])


def _rules(given: dict[str, Any]) -> GroundingRules:
    known = GroundingRules.__dataclass_fields__
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigError("rules: unknown key", value=unknown[0], choices=sorted(known))
    wrong = [name for name, value in given.items() if not isinstance(value, (int, float))]
    if wrong:
        raise ConfigError(f"rules.{wrong[0]} must be a number", value=given[wrong[0]])
    return GroundingRules(**given)


def _write_page(found: Grounded, config: GroundConfig) -> Path:
    sections = [
        precision_section(found.estimates),
        cards_section(
            found.reasons,
            found.claims,
            found.utterances,
            found.cards,
            players=config.players,
            most=config.cards,
        ),
    ]
    page = render_page(
        "Reasons held against the sound",
        sections,
        facts=[f"Equivoice {package_versions().get('equivoice', '')}".strip()],
    )
    return replace_file(config.out / "report.html", lambda target: _write(target, page))


def _write(target: Path, page: str) -> None:
    target.write_text(page, "utf-8")


def _tell(found: Grounded) -> None:
    """Claims and precision by system."""
    shown = Table(
        "system", "claims", "tested", "supported", "shuffled sound", box=None, pad_edge=False
    )
    rows = found.estimates.filter(pl.col("class").is_null() & (pl.col("quantity") == "score"))
    shuffled = {
        row["system"]: f"{row['value']:.1%}"
        for row in rows.filter(pl.col("metric") == SHUFFLED).iter_rows(named=True)
    }
    for row in rows.filter(pl.col("metric") == PRECISION).iter_rows(named=True):
        claims = found.claims.filter(pl.col("system") == row["system"]).height
        value = "–" if row["value"] is None else f"{row['value']:.1%}"
        if row["low"] is not None:
            value += f" [{row['low']:.1%}, {row['high']:.1%}]"
        shown.add_row(
            row["system"], str(claims), str(row["n"]), value, shuffled.get(row["system"], "–")
        )
    say(shown)
    without = found.reasons.join(found.claims, on=["utterance_id", "system"], how="anti").height
    note(f"{found.reasons.height} reasons; {without} of them claim nothing that the grammar knows")
