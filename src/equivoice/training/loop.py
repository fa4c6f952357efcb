"""``train``: steps, evaluations and checkpoints, in a folder that can be cut off at any moment.

After each step its row is stored. After an evaluation the order is: rows, best adapter,
checkpoint; so whatever is cut off, the last checkpoint is whole and all that stands behind
it comes again, the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.errors import RunError
from equivoice.models import Classifiable
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.objectives.adaptive_weight import AdaptiveWeight, fixed_weight
from equivoice.objectives.minmax_gap import GapPenalty
from equivoice.store.training_folder import TrainingFolder, part_beside, replace_folder
from equivoice.training.checkpoints import (
    Standing,
    latest_checkpoint,
    load_checkpoint,
    need_space,
    save_checkpoint,
)
from equivoice.training.effective_batches import EffectiveBatch
from equivoice.training.evaluating import Evaluation, better, evaluate, stratum_rows
from equivoice.training.gradients import StepOutcome, accumulate
from equivoice.training.learner import step_losses
from equivoice.training.parallel import Parallel, join
from equivoice.training.progress import Quiet, TrainingProgress
from equivoice.training.record import finish, new_record, save_data, save_facts
from equivoice.training.schedule import rate_factor
from equivoice.training.settings import TrainingSettings
from equivoice.training.task import TrainingTask, plan_training
from equivoice.training.tracking import Tracker, open_trackers
from equivoice.training.validating import listen

if TYPE_CHECKING:
    import torch

__all__ = ["run_training", "train"]

WriteCard = Callable[[TrainingFolder], object]
"""Writes what describes the best checkpoint, once it stands; handed in by the layer above."""


def train(
    system: str | LearningModel | Classifiable,
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    out: str | Path,
    recipe: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    fold: str | Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: TrainingProgress | None = None,
    command: str = "",
    card: WriteCard | None = None,
    **changes: Any,
) -> TrainingFolder:
    """Train a speech LLM, a text LLM or a classifier on the training part of corpora.

    A training that was cut off goes on from its last checkpoint when the same call is made
    again, and ends with the same weights as one that was not (on a CPU, to the bit). No
    utterance of the fold's test part is heard or scored.

    Args:
        system: the name of a system, ``ALIAS=NAME``, or a loaded model.
        corpora: prepared corpora: folders, or objects.
        out: the training folder; ``out/best`` is the adapter for the option ``adapter`` of
            the system, or the model for the option ``model`` of the system ``classifier``.
        recipe: by name (:func:`~equivoice.training.recipe_names`), or the path of a recipe
            file; ``None`` for the one that suits the system.
        options: of the system, such as ``{"model": "/models/qwen2-audio"}``.
        fold: whose training part is learnt from; one for all corpora, or one for each.
        overwrite: begin anew, whatever training stands in the folder.
        progress: is told how far the work is.
        command: the command line as typed, for the record.
        card: writes the card of the best checkpoint, from the finished folder.
        changes: what is to be otherwise than in the recipe, section by section:
            ``optimiser={"epochs": 3}, seed=1``.

    Returns:
        the folder, to read from.

    Raises:
        InputError: what cannot be, named before the first step.
        RunError: the training diverged, or the device has not enough memory.
        LockedRunError: another process works on ``out``.
        StorageError: ``out`` cannot be written to, or has no room.

    Example:
        >>> train("qwen2-audio", "corpora/ravdess", out="runs/fair", recipe="minmax")
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: unknown recipe: 'minmax'
          choices: compact, encoder, erm, minmaxgap, rationales, small
          next: or give the path of a file (.yaml)
    """
    task = plan_training(system, corpora, recipe=recipe, options=options, fold=fold, **changes)
    return run_training(
        task, out, overwrite=overwrite, progress=progress, command=command, card=card
    )


def run_training(
    task: TrainingTask,
    out: str | Path,
    *,
    overwrite: bool = False,
    progress: TrainingProgress | None = None,
    command: str = "",
    card: WriteCard | None = None,
) -> TrainingFolder:
    """Do the work of a task, or what remains of it; see :func:`train`."""
    watcher = progress or Quiet()
    with _joined(task.learner.device) as parallel:
        first = parallel is None or parallel.rank == 0
        with _folder(Path(out), first=first, overwrite=overwrite) as run:
            if first:
                processes = 1 if parallel is None else parallel.size
                run.begin(new_record(task, command, processes))
                need_space(run.path, task.learner.count, keep=task.settings.checkpoints.keep)
            _wait(parallel)
            if run.record.finished is None:
                _train(task, run, watcher, parallel)
            if first and card is not None:
                card(run)
            _wait(parallel)  # nobody leaves before the folder is whole
    return TrainingFolder.read(out)


def _wait(parallel: Parallel | None) -> None:
    if parallel is not None:
        parallel.barrier()


@contextmanager
def _joined(device: torch.device) -> Iterator[Parallel | None]:
    parallel = join(device)
    try:
        yield parallel
    finally:
        if parallel is not None:
            parallel.leave()


@contextmanager
def _folder(out: Path, *, first: bool, overwrite: bool) -> Iterator[TrainingFolder]:
    """The folder to write to; of several processes, only the first one writes."""
    if not first:
        yield TrainingFolder(out)
        return
    with TrainingFolder.open(out, overwrite=overwrite) as run:
        yield run


def _train(
    task: TrainingTask, run: TrainingFolder, progress: TrainingProgress, parallel: Parallel | None
) -> None:
    _keep_sounds(task, run)
    optimizer = _optimizer(task)
    standing = Standing(0, _first_weight(task.settings))
    checkpoint = latest_checkpoint(run.checkpoints_path)
    if checkpoint is not None:
        standing = load_checkpoint(checkpoint, task.learner.parameters, optimizer)
    _wait(parallel)  # all have read before the first writes
    writer = _Writer(task, run, standing.step) if parallel is None or not parallel.rank else None
    work = _Work(task, optimizer, progress, parallel, writer)
    progress.planned(task.steps, standing.step)
    try:
        if checkpoint is None:
            task.learner.calibrate(task.data.train)
            standing = work.begin(standing)
        while standing.stopped is None:
            standing = work.advance(standing)
        if writer is not None:
            writer.finish(standing)
    finally:
        if writer is not None:
            writer.close()


@dataclass
class _Work:
    """What moves a training on; the same in every process but for the writer."""

    task: TrainingTask
    optimizer: torch.optim.Optimizer
    progress: TrainingProgress
    parallel: Parallel | None
    writer: _Writer | None
    _epoch: tuple[int, list[EffectiveBatch]] = (0, [])

    def begin(self, standing: Standing) -> Standing:
        """The model as it is before the first step, which may be the best one."""
        selection = self.task.settings.selection
        found, best = self.evaluate(standing, best_if=selection.start)
        if not selection.start:
            return standing
        return standing.evaluated(found.value(selection.metric), better=best)

    def advance(self, standing: Standing) -> Standing:
        """One step, and what is due after it."""
        settings = self.task.settings
        new = replace(standing, step=standing.step + 1)
        self._step(new)
        last = new.step == self.task.steps
        selecting = last or self._due(settings.selection.every, new.step)
        moving = _moves(settings) and self._due(settings.weight.update, new.step)
        if selecting or moving:
            new = self._evaluated(new, selecting=selecting, moving=moving)
        if last and new.stopped is None:
            new = replace(new, stopped=f"All {settings.optimiser.epochs} epochs are done.")
        due = self._due(settings.checkpoints.every, new.step)
        if self.writer is not None and (due or selecting or moving):
            self.writer.checkpoint(new, self.optimizer)
        return new

    def evaluate(self, standing: Standing, *, best_if: bool = False) -> tuple[Evaluation, bool]:
        """Scores on the validation part, stored; and whether they are the best so far."""
        task, settings = self.task, self.task.settings
        learner, examples = task.learner, task.data.validation
        heard = listen(learner, examples, parallel=self.parallel, watch=self.progress.validating)
        metric = settings.selection.metric
        found = evaluate(
            examples,
            heard,
            {corpus: learner.shown(corpus) for corpus in task.data.spaces},
            task.data.labels,
            metrics=[metric],
            gap=settings.weight.gap,
        )
        best = best_if and better(metric, found.value(metric), standing.best)
        if self.writer is not None:
            epoch = standing.step // task.steps_an_epoch
            self.writer.evaluation(found, standing.step, epoch, best=best)
            if best:
                self.writer.best(learner.answers(examples, heard, task.data, task.name))
        self.progress.evaluated(
            standing.step, metric=metric, value=found.value(metric), gap=found.gap, best=best
        )
        return found, best

    def _step(self, standing: Standing) -> None:
        """One step of the optimiser on one effective batch."""
        import torch

        task, settings = self.task, self.task.settings
        learner, step = task.learner, standing.step
        epoch, place = divmod(step - 1, task.steps_an_epoch)
        rate = settings.optimiser.lr * rate_factor(
            step,
            task.steps,
            schedule=settings.optimiser.schedule,
            warmup=settings.optimiser.warmup,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        learner.training_mode(on=True)
        penalised = settings.objective.penalty == "gap"
        batch = self._batches(epoch + 1)[place]
        outcome = accumulate(
            step_losses(learner, task.data.train, batch, step=step, epoch=epoch + 1),
            batch,
            learner.parameters.values(),
            penalty=GapPenalty(settings.objective.power) if penalised else None,
            weight=standing.weight.value,
            scope=settings.objective.scope,
            road=settings.objective.road,
            parallel=self.parallel,
        )
        most = settings.optimiser.clip
        norm = torch.nn.utils.clip_grad_norm_(
            learner.parameters.values(), float("inf") if most is None else most
        )
        if not torch.isfinite(norm):
            raise RunError(
                f"the gradient of step {step} is no number: the training has diverged; try a "
                "lower optimiser.lr or a longer optimiser.warmup"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.stepped(
            step, loss=outcome.loss, weight=standing.weight.value, gap=outcome.gap
        )
        if self.writer is not None:
            self.writer.step(standing, outcome, epoch + 1, rate, float(norm))

    def _evaluated(self, standing: Standing, *, selecting: bool, moving: bool) -> Standing:
        """The standing after an evaluation: λ moved, the best known, patience spent."""
        selection = self.task.settings.selection
        found, best = self.evaluate(standing, best_if=selecting)
        if moving:
            standing = replace(standing, weight=standing.weight.updated(found.gap))
        if not selecting:
            return standing
        standing = standing.evaluated(found.value(selection.metric), better=best)
        if selection.patience is not None and standing.worse >= selection.patience:
            said = (
                f"No better {selection.metric} on the validation part in "
                f"{standing.worse} evaluations."
            )
            standing = replace(standing, stopped=said)
        return standing

    def _due(self, when: Literal["epoch"] | int, step: int) -> bool:
        return step % (self.task.steps_an_epoch if when == "epoch" else when) == 0

    def _batches(self, epoch: int) -> list[EffectiveBatch]:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self.task.epoch(epoch))
        return self._epoch[1]


class _Writer:
    """Stores what happens; only the first of several processes has one.

    Args:
        task: what is done.
        run: where it is stored.
        step: the last step that stands.
    """

    def __init__(self, task: TrainingTask, run: TrainingFolder, step: int) -> None:
        self._task = task
        self._run = run
        run.rewind(step if latest_checkpoint(run.checkpoints_path) is not None else -1)
        save_data(task, run)
        save_facts(task, run, Standing(step, _first_weight(task.settings)))
        self._trackers: list[Tracker] = open_trackers(
            task.settings.tracking,
            folder=run.tensorboard_path,
            name=run.path.name,
            config=task.settings.as_config(),
            step=step,
        )

    def step(
        self, standing: Standing, outcome: StepOutcome, epoch: int, rate: float, norm: float
    ) -> None:
        penalised = self._task.settings.objective.penalty == "gap" and outcome.gap is not None
        row = {
            "step": standing.step,
            "epoch": epoch,
            "loss": outcome.loss,
            "penalty": outcome.penalty if penalised else None,
            "weight": standing.weight.value,
            "gap": outcome.gap,
            "worst_cell": outcome.worst_cell,
            "lr": rate,
            "items": sum(outcome.counts.values()),
            "grad_norm": norm,
        }
        types = {"penalty": pl.Float64, "gap": pl.Float64, "worst_cell": pl.String}
        self._run.append("steps", pl.DataFrame([row], schema_overrides=types))
        losses = stratum_rows(standing.step, "train", outcome.sums, outcome.counts)
        self._run.append("losses", losses)
        told = {key: row[key] for key in ("loss", "penalty", "weight", "gap", "lr", "grad_norm")}
        self._log(standing.step, {f"train/{key}": value for key, value in told.items()})
        self._log(standing.step, _named("train/loss", losses, "loss"))

    def evaluation(self, found: Evaluation, step: int, epoch: int, *, best: bool) -> None:
        metric = self._task.settings.selection.metric
        rows = found.rows(step=step, epoch=epoch, metric=metric, best=best)
        self._run.append("evaluations", rows)
        self._run.append("losses", found.loss_rows(step=step))
        for (name,), own in rows.group_by("metric", maintain_order=True):
            self._log(step, _named(f"validation/{name}", own, "value"))

    def best(self, answers: pl.DataFrame) -> None:
        part = part_beside(self._run.best_path)
        self._task.learner.save_best(part)
        replace_folder(part, self._run.best_path)
        self._run.write_predictions(answers)

    def checkpoint(self, standing: Standing, optimizer: torch.optim.Optimizer) -> None:
        save_checkpoint(
            self._run.checkpoints_path,
            self._task.learner.parameters,
            optimizer,
            standing,
            keep=self._task.settings.checkpoints.keep,
        )

    def finish(self, standing: Standing) -> None:
        save_facts(self._task, self._run, standing)
        self._run.drop_sounds()
        self._run.gather()
        finish(self._task, self._run, standing)

    def close(self) -> None:
        for tracker in self._trackers:
            tracker.close()

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        known = {name: float(value) for name, value in values.items() if value is not None}
        for tracker in self._trackers:
            tracker.log(step, known)


def _keep_sounds(task: TrainingTask, run: TrainingFolder) -> None:
    """Let a frozen encoder hear each clip once."""
    kept = task.settings.model.keep_sounds
    if kept:
        task.learner.keep_sounds(SoundCache(run.sounds_path if kept is True else str(kept)))


def _first_weight(settings: TrainingSettings) -> AdaptiveWeight:
    weight = settings.weight
    if settings.objective.penalty == "none":
        return fixed_weight(0.0)
    if weight.kind == "fixed":
        return fixed_weight(weight.start)
    return AdaptiveWeight(weight.start, weight.rate, weight.tolerance, weight.maximum)


def _moves(settings: TrainingSettings) -> bool:
    return settings.objective.penalty == "gap" and settings.weight.kind == "adaptive"


def _optimizer(task: TrainingTask) -> torch.optim.Optimizer:
    import torch

    settings = task.settings.optimiser
    parameters = list(task.learner.parameters.values())
    groups = [
        {
            "params": [each for each in parameters if each.dim() >= 2],
            "weight_decay": settings.weight_decay,
        },
        {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        betas=settings.betas,
        eps=settings.eps,
    )


def _named(stem: str, rows: pl.DataFrame, column: str) -> dict[str, Any]:
    """Values by cell and group, as curves are named."""
    found = {}
    for row in rows.iter_rows(named=True):
        place = "/".join(str(part) for part in (row["cell"], row["group"]) if part is not None)
        found[f"{stem}/{place}" if place else stem] = row[column]
    return found
