"""``equivoice study fair-training``: ERM against MinMaxGAP with small models from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BeforeValidator, Field
from rich.table import Table

from equivoice.cli.config import VerbConfig, command_line, configured, option
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.training_bar import training_bar
from equivoice.cli.training_report import CARD, training_inputs, write_model_card
from equivoice.corpora import Corpus, load_corpus
from equivoice.errors import ConfigError
from equivoice.reports.formatting import interval, percent, signed
from equivoice.studies.fair.settings import METHODS, FairSettings
from equivoice.studies.fair_training import (
    FairTraining,
    fair_training,
    made_speech,
    write_fair_training,
)

__all__ = [
    "FairTrainingConfig",
    "Seeds",
    "fair_training_verb",
    "recipe_section",
    "report_fair_training",
    "tell_fair_training",
    "tell_methods",
]


def _listed(given: object) -> object:
    """``0,1,2`` and three values mean the same."""
    several = given if isinstance(given, (list, tuple)) else [given]
    return [part.strip() for each in several for part in str(each).split(",") if part.strip()]


Seeds = Annotated[tuple[int, ...], BeforeValidator(_listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def recipe_section(doc: str) -> Any:
    """A section of the recipe, which the configuration file and overrides can set.

    Args:
        doc: one phrase about it.
    """
    return Field(default_factory=dict, description=doc)


class FairTrainingConfig(VerbConfig):
    """Options of ``study fair-training``."""

    out: Path = option("the folder for speech, models, trainings and page", short="-o")
    corpus: tuple[str, ...] = option(
        "a prepared corpus; by default speech is made, with a planted bias", default=()
    )
    method: Names = option("erm, minmaxgap or fixed:WEIGHT", default=METHODS)
    pretrain_on: tuple[str, ...] = option(
        "a prepared corpus that all models learn from by ERM before; none: random first weights",
        default=(),
    )
    seeds: Seeds = option("of first weights and training, such as 0,1,2", default=(0, 1, 2))
    folds: Names = option("folds whose test parts are answered", default=("1",))
    size: str = option("of the model: small or tiny", default="tiny")
    cell: str = option("what groups are compared within: language or corpus", default="language")
    group: str = option("the attribute whose groups are compared", default="gender")
    limit: int | None = option("at most so many utterances of each part", default=None, ge=1)
    speakers: int = option("speakers of the speech that is made", default=72, ge=2)
    per_speaker: int = option("utterances of each of them", default=8, ge=1)
    tested: int = option("test speakers of each gender in each language", default=5, ge=1)
    replicates: int = option("bootstrap replicates", default=2_000, ge=20)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("of the speech that is made and of all resampling", default=0, ge=0)
    dry_run: bool = option("say what would be trained and write nothing", default=False)
    objective: dict[str, Any] = recipe_section("as in train: what is minimised")
    weight: dict[str, Any] = recipe_section("as in train: the weight λ of the penalty")
    model: dict[str, Any] = recipe_section("as in train: what of the model is trained")
    data: dict[str, Any] = recipe_section("as in train: what is put to the model")
    optimiser: dict[str, Any] = recipe_section("as in train: how it is minimised")
    selection: dict[str, Any] = recipe_section("as in train: which checkpoint is the best")
    pretraining: dict[str, Any] = recipe_section(
        "what is otherwise in the training before, such as pretraining.optimiser.epochs=5"
    )


_SECTIONS = ("objective", "weight", "model", "data", "optimiser", "selection")


@configured(FairTrainingConfig)
def fair_training_verb(config: FairTrainingConfig) -> None:
    """Train small speech LLMs from nothing by several methods, and compare score and worst gap.

    For people without a GPU. Every method trains a model for each seed and fold; each
    answers the test part, which none has heard. The page shows score against worst gap
    with intervals over seeds and speakers, the paired differences, the curves of every
    training, and how little it proves. Give the same command again to go on.

    Example:
      equivoice study fair-training -o fair
      equivoice study fair-training --corpus corpora/ravdess --corpus corpora/emovo --cell corpus --method erm,minmaxgap --seeds 0,1,2,3,4 -o fair optimiser.epochs=20
    """
    settings = _settings(config)
    trainings = len(settings.chosen) * len(settings.seeds) * len(settings.folds)
    if config.dry_run:
        what = ", ".join(config.corpus) or "speech that is made"
        say(f"would train {trainings} models of size {settings.size} on {what}, in {config.out}")
        return
    corpora = _speech(config)
    # one bar alone: two would overwrite each other, and asking takes seconds
    with training_bar(shown=True) as training:
        found = fair_training(
            corpora,
            config.out,
            settings,
            pretrain_on=config.pretrain_on,
            training=training,
            watch=note,
            command=command_line(),
        )
    tell_fair_training(found, config.out)


def tell_fair_training(found: FairTraining, out: Path) -> Path:
    """Write cards and page of a study, and say what came out."""
    page = report_fair_training(found, out)
    tell_methods(found.estimates)
    finish(page)
    return page


def report_fair_training(found: FairTraining, out: Path) -> Path:
    """Write the cards of the models and the page of the study; returns the page's path."""
    known = {corpus.name: corpus for corpus in found.corpora}
    folders = [each.trained.folder for each in found.answered]
    for folder in folders:
        if not (folder.best_path / CARD).is_file():
            write_model_card(folder, known)
    inputs = [training_inputs(folder) for folder in folders]
    return write_fair_training(found, out, inputs, command=command_line())


def tell_methods(estimates: pl.DataFrame) -> None:
    """Print score and worst gap of each method, and how methods differ."""
    say(_methods(estimates), "", *_differences(estimates))


def _settings(config: FairTrainingConfig) -> FairSettings:
    recipe = {name: dict(given) for name in _SECTIONS if (given := getattr(config, name))}
    if config.limit is not None:
        recipe["data"] = recipe.get("data", {}) | {"limit": config.limit}
    if config.pretraining and not config.pretrain_on:
        raise ConfigError(
            "pretraining is said how, and not on what",
            value=", ".join(config.pretraining),
            hint="--pretrain-on CORPUS, or no pretraining.*",
        )
    return FairSettings(
        methods=config.method,
        seeds=config.seeds,
        folds=config.folds,
        size=config.size,
        cell=config.cell,
        attribute=config.group,
        recipe=recipe,
        pretraining=config.pretraining,
        replicates=config.replicates,
        level=config.level,
        seed=config.seed,
    )


def _speech(config: FairTrainingConfig) -> list[Corpus]:
    if config.corpus:
        return [load_corpus(Path(place)) for place in config.corpus]
    if config.folds != ("1",):
        raise ConfigError(
            "the speech that is made has one fold", value=",".join(config.folds), choices=["1"]
        )
    with progress("making speech") as report:
        made = made_speech(
            config.out,
            seed=config.seed,
            speakers=config.speakers,
            per_speaker=config.per_speaker,
            tested=config.tested,
            progress=lambda done, total: report("speakers", done, total),
        )
    return [made]


def _methods(estimates: pl.DataFrame) -> Table:
    """For each method its score and its worst gap, for the terminal."""
    table = Table("method", "macro-F1, %", "worst gap, points", box=None, pad_edge=False)
    own = estimates.filter(pl.col("run").is_null())
    for system in own.filter(quantity="score").get_column("system"):
        score = own.filter(quantity="score", system=system).row(0, named=True)
        gap = own.filter(quantity="gap", system=system, class_aggregator="max").row(0, named=True)
        table.add_row(system, _value(score), _value(gap))
    return table


def _value(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "not defined"
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    return f"{percent(row['value'])} {ends}"


def _differences(estimates: pl.DataFrame) -> Iterator[str]:
    for row in estimates.filter(quantity="comparison").iter_rows(named=True):
        what = "macro-F1" if row["class_aggregator"] is None else "worst gap"
        if row["value"] is None:
            yield f"  - {row['system']}, {what}: not defined"
            continue
        ends = "no interval" if row["low"] is None else interval(row["low"], row["high"], sign=True)
        yield f"  - {row['system']}, {what}: {signed(row['value'])} points, {ends}"
