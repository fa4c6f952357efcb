"""What a training folder says besides its curves: record, data, and what was chosen on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.fingerprint import input_hashes
from equivoice.fairness import CROSSING
from equivoice.inference.seeds import seed_for
from equivoice.records import RunRecord
from equivoice.store.provenance import begun_record, machine, now, package_versions
from equivoice.store.training_folder import TRAIN, TrainingFolder
from equivoice.training.checkpoints import Standing
from equivoice.training.evaluating import WORST_GAP
from equivoice.training.task import TrainingTask

__all__ = ["MADE", "facts", "finish", "new_record", "save_data", "save_facts"]

_FACTS = "training.json"
MADE = "from_scratch.json"
"""In the folder of a model that was made for a training: how."""


def new_record(task: TrainingTask, command: str, processes: int) -> RunRecord:
    """The record of a training that begins now.

    Args:
        task: what is done.
        command: the command line as typed.
        processes: how many train together.
    """
    settings, data = task.settings, task.data
    seeds = {"root": settings.seed, "batches": seed_for(settings.seed, "batches")}
    seeds |= {
        f"validation of {name}": seed_for(settings.seed, "validation", name) for name in data.folds
    }
    described = json.loads(json.dumps(dict(task.learner.describe()), default=str))
    described |= _made(task)
    return begun_record(
        TRAIN,
        settings.as_config(),
        command=command,
        versions=package_versions() | _versions(),
        inputs=input_hashes(data.corpora) | _further_inputs(task, described),
        seeds=seeds,
        host=machine() | {"processes": str(processes), "device": str(task.learner.device)},
        generation={task.name: described},
        left_out=dict(data.left_out),
    )


def save_data(task: TrainingTask, run: TrainingFolder) -> None:
    """Store which utterances are trained and validated on; those of the test are not among them."""
    table = task.data.utterances
    used = {example.item.utterance_id for example in (*task.data.train, *task.data.validation)}
    run.write_utterances(table.filter(pl.col("utterance_id").is_in(list(used))))


def facts(task: TrainingTask, standing: Standing) -> str:
    """What no table has, as JSON."""
    settings = task.settings
    said: dict[str, Any] = {
        "system": task.name,
        "base_model": task.learner.base_model,
        "tuning": task.learner.tuning,
        "objective": "minmaxgap" if settings.objective.penalty == "gap" else "erm",
        "recipe": settings.recipe,
        "attribute": settings.groups.attribute,
        "groups": list(task.data.groups),
        "cell": CROSSING.join(settings.cell_by) or "all",
        "labels": list(task.data.labels.names),
        "prompt": task.learner.prompt,
        "loss": settings.objective.loss,
        "targets": settings.data.targets,
        "folds": dict(task.data.folds),
        "tolerance": settings.weight.tolerance,
        "maximum": settings.weight.maximum,
        "weight_gap": settings.weight.gap,
        "selection_metric": settings.selection.metric,
        "trainable": task.learner.count,
        "parameters": sum(each.numel() for each in task.learner.model.parameters()),
        "steps_an_epoch": task.steps_an_epoch,
        "best_step": standing.best_step,
        "best": standing.best,
        "stopped": standing.stopped,
        "notes": list(task.data.notes),
    }
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"


def save_facts(task: TrainingTask, run: TrainingFolder, standing: Standing) -> None:
    """Store :func:`facts`."""
    run.write_text(_FACTS, facts(task, standing))


def finish(task: TrainingTask, run: TrainingFolder, standing: Standing) -> None:
    """Close the record: which checkpoint was chosen, by what, on whom."""
    metric = task.settings.selection.metric
    evaluations = run.table("evaluations").filter(
        (pl.col("metric") == metric)
        & pl.col("cell").is_null()
        & (pl.col("step") >= (0 if task.settings.selection.start else 1))
    )
    shared = {
        "split": "validation",
        "speakers": task.data.speakers("validation"),
        "train_speakers": task.data.speakers("train"),
        "test_speakers": {name: list(of) for name, of in task.data.test_speakers.items()},
        "utterances": len(task.data.validation),
    }
    chosen: list[dict[str, Any]] = [
        {
            "what": "checkpoint",
            "chosen": f"step {standing.best_step}",
            "metric": metric,
            "value": standing.best,
            "candidates": evaluations.select("step", "value").to_dicts(),
            **shared,
        }
    ]
    weight = task.settings.weight
    if task.settings.objective.penalty == "gap" and weight.kind == "adaptive":
        moved = f"λ, by the worst gap in {weight.gap}"
        chosen.append(
            {"what": moved, "chosen": standing.weight.value, "metric": WORST_GAP} | shared
        )
    left_out = {**run.record.left_out, **task.learner.cuts()}
    told = {"finished": now(), "selection": chosen, "left_out": left_out}
    record = run.record.model_copy(update=told)
    run.save_record(record)


def _made(task: TrainingTask) -> dict[str, Any]:
    """How the model was made, where it was made for a training."""
    base = task.learner.base_model
    file = None if base is None else Path(base) / MADE
    if file is None or not file.is_file():
        return {}
    return {"from_scratch": json.loads(file.read_text(encoding="utf-8"))}


def _versions() -> dict[str, str]:
    """Of the packages that shape weights."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("torch", "transformers", "peft"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _further_inputs(task: TrainingTask, described: dict[str, Any]) -> dict[str, str]:
    """The prompt as shown, and the weights that the training begins with."""
    found = dict(task.learner.inputs(task.data))
    weights = described.get("weights")
    return found if weights is None else found | {"model": str(weights)}
