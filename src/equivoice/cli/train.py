"""``equivoice train``: language models and classifiers, with a weight on gaps between groups."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from rich.table import Table

from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.training_bar import training_bar
from equivoice.cli.training_report import write_model_card, write_training_report
from equivoice.errors import ConfigError
from equivoice.store import TrainingFolder
from equivoice.training import TrainingTask, plan_training, run_training
from equivoice.training.class_learner import CLASSIFIER
from equivoice.training.from_scratch import RECIPE, plan_from_scratch

app = verb_app()

_SECTIONS = (
    "objective",
    "groups",
    "weight",
    "model",
    "data",
    "optimiser",
    "selection",
    "checkpoints",
    "tracking",
)


def _as_names(given: object) -> object:
    """``fold=1`` is the fold named 1, and ``fold.ravdess=1`` that of one corpus."""
    if isinstance(given, Mapping):
        return {str(key): _as_names(value) for key, value in given.items()}
    return str(given) if isinstance(given, int) else given


def _section(doc: str) -> Any:
    return Field(default_factory=dict, description=doc)


class TrainConfig(VerbConfig):
    """Options of ``train``."""

    corpus: tuple[str, ...] = option("a prepared corpus: a folder, or a table")
    out: Path = option("the folder for the training", short="-o")
    system: str | None = option(
        "the system to train, NAME or ALIAS=NAME; 'equivoice models' lists them", default=None
    )
    from_scratch: bool = option(
        "instead of a system: a small speech LLM, made in OUT/model from the training part",
        default=False,
    )
    recipe: str | None = option(
        "a recipe by name, or the path of a recipe file; what suits the system by default",
        default=None,
    )
    fold: Annotated[str | dict[str, str] | None, BeforeValidator(_as_names)] = option(
        "the fold whose training part is learnt from; fold.CORPUS=NAME for one corpus",
        default=None,
    )
    seed: int | None = option("the root of all seeds; the recipe's by default", default=None, ge=0)
    limit: int | None = option(
        "at most so many utterances of each part of each corpus", default=None, ge=1
    )
    dry_run: bool = option("say what would be trained and write nothing", default=False)
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)
    options: dict[str, dict[str, Any]] = _section("options of the system, by its name or alias")
    objective: dict[str, Any] = _section("what is minimised")
    groups: dict[str, Any] = _section("between whom, and within what, gaps are taken")
    weight: dict[str, Any] = _section("the weight λ of the penalty")
    model: dict[str, Any] = _section("what of the model is trained")
    data: dict[str, Any] = _section("what is put to the model")
    optimiser: dict[str, Any] = _section("how it is minimised")
    selection: dict[str, Any] = _section("which checkpoint is the best, and when to stop")
    checkpoints: dict[str, Any] = _section("from where a training that was cut off goes on")
    tracking: dict[str, Any] = _section("who else is told of each step")


@app.command()
@configured(TrainConfig)
def train(config: TrainConfig) -> None:
    """Train a speech LLM, a text LLM or a classifier by a recipe; or make a small speech LLM.

    Language models have the recipes erm and minmaxgap, classifiers encoder and compact;
    without --recipe it is the one that suits the system. A training that was cut off goes
    on from its last checkpoint: give the same command again. Every line of the recipe can be changed by its dotted name (optimiser.lr=1e-4,
    model.rank=8, weight.tolerance=0.05). No utterance of the fold's test part is heard;
    what stands in OUT/best is then benchmarked with options.SYSTEM.adapter=OUT/best, or
    for a classifier with --system classifier options.classifier.model=OUT/best.

    Example:
      equivoice train --system qwen2-audio options.qwen2-audio.model=Qwen/Qwen2-Audio-7B-Instruct --corpus corpora/ravdess --fold 1 --recipe minmaxgap -o runs/fair
      equivoice train --system compact-encoder --corpus corpora/ravdess --fold 1 -o runs/compact objective.loss=weighted_focal
      equivoice train --system q=qwen2-audio options.q.model=/models/q2a --corpus a --corpus b --recipe erm -o runs/erm optimiser.epochs=3
      equivoice train --from-scratch --corpus corpora/ravdess --fold 1 -o runs/small
      accelerate launch --multi_gpu --num_processes 2 -m equivoice train --config train.yaml
    """
    if config.dry_run:
        # a model from scratch must be made to be planned with, though not for good
        with tempfile.TemporaryDirectory() as place:
            task = planned(config, Path(place) / "made", set_weights=False)
        say(*plan_lines(task), "nothing was written")
        note(*task.data.notes)
        return
    task = planned(config, config.out)
    shown = os.environ.get("RANK", "0") == "0"
    with training_bar(shown=shown) as bar:
        run = run_training(
            task,
            config.out,
            overwrite=config.overwrite,
            progress=bar,
            command=command_line(),
        )
    if shown:
        tell(task, run)


def planned(config: TrainConfig, out: Path, *, set_weights: bool = True) -> TrainingTask:
    """The training that the options of ``train`` ask for.

    Args:
        config: the options.
        out: where a model from scratch is made.
        set_weights: of that model, from the training speech; not needed to look at the plan.

    Raises:
        InputError: what cannot be.
    """
    if config.from_scratch:
        _check_from_scratch(config)
        return plan_from_scratch(
            list(config.corpus),
            out=out,
            recipe=config.recipe or RECIPE,
            fold=config.fold,
            overwrite=config.overwrite,
            set_weights=set_weights,
            seed=config.seed,
            **_changes(config),
        )
    if config.system is None:
        raise ConfigError(
            "which system is to be trained?",
            hint="--system NAME ('equivoice models' lists them), or --from-scratch",
        )
    alias = config.system.partition("=")[0]
    unknown = sorted(set(config.options) - {alias})
    if unknown:
        raise ConfigError(
            "options for a system that is not trained", value=unknown[0], choices=[alias]
        )
    return plan_training(
        config.system,
        list(config.corpus),
        recipe=config.recipe,
        options=config.options.get(alias, {}),
        fold=config.fold,
        seed=config.seed,
        **_changes(config),
    )


def _changes(config: TrainConfig) -> dict[str, Any]:
    """What is to be otherwise than in the recipe."""
    changes: dict[str, Any] = {name: dict(getattr(config, name)) for name in _SECTIONS}
    if config.limit is not None:
        changes["data"]["limit"] = config.limit
    return {name: section for name, section in changes.items() if section}


def _check_from_scratch(config: TrainConfig) -> None:
    if config.system is not None or config.options:
        given = config.system or next(iter(config.options))
        raise ConfigError(
            "a model from scratch is made here, and no system is given or has options",
            value=given,
            hint="--from-scratch, or --system",
        )


def plan_lines(task: TrainingTask) -> Iterator[Table | str]:
    """What a training would do, for the terminal."""
    table = Table("part", "cell", "group", "items", box=None, pad_edge=False)
    for part in ("train", "validation"):
        examples = task.data.train if part == "train" else task.data.validation
        strata = [(example.item.cell, example.item.group or "–") for example in examples]
        for stratum in sorted(set(strata)):
            table.add_row(part, *stratum, str(strata.count(stratum)))
    yield table
    settings = task.settings
    yield ""
    yield (
        f"{task.learner.count:,} numbers are trained ({task.learner.tuning}), in at most "
        f"{task.steps:,} steps of up to {settings.optimiser.batch} items, "
        f"{task.steps_an_epoch:,} an epoch"
    )


def tell(task: TrainingTask, run: TrainingFolder) -> None:
    """Print what came out of a training: the best checkpoint, notes, and where it is."""
    chosen = run.record.selection[0]
    best = chosen["chosen"] if chosen["value"] is not None else "none"
    say(
        f"Best checkpoint: {best}, {chosen['metric']} "
        f"{'–' if chosen['value'] is None else format(chosen['value'], '.3f')} "
        "on the validation part (chosen by it, so it is too good)."
    )
    note(*task.data.notes)
    note_left_out(run.record.left_out)
    say(f"Next: equivoice benchmark {_loaded_by(task, run)} --corpus … -o …")
    if run.best_path.is_dir():
        write_model_card(run, task.data.corpora)
    finish([run.best_path, write_training_report(run)])


def _loaded_by(task: TrainingTask, run: TrainingFolder) -> str:
    """How the best checkpoint is given to a verb."""
    if task.learner.tuning == CLASSIFIER:
        return f"--system {CLASSIFIER} options.{CLASSIFIER}.model={run.best_path}"
    name = task.settings.system.rpartition("=")[2]
    base = f"options.{name}.model={task.learner.base_model}"
    return f"--system {name} {base} options.{name}.adapter={run.best_path}"
