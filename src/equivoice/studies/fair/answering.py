"""What the trained models answer about speakers whom none of them has heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus
from equivoice.evaluation import benchmark
from equivoice.evaluation.trade_off import TrainedRun, trade_off
from equivoice.inference import Progress
from equivoice.store import RunFolder
from equivoice.studies.fair.learning import SYSTEM, Trained
from equivoice.studies.fair.settings import FairSettings

__all__ = ["Answered", "answer_all", "compare_methods"]

_SCORED = "/options"
METRIC = "macro_f1"


@dataclass(frozen=True)
class Answered:
    """A trained model with what it answered.

    Args:
        trained: the model.
        run: of ``benchmark``, about the test part of its fold.
    """

    trained: Trained
    run: RunFolder

    @property
    def predictions(self) -> pl.DataFrame:
        """The most probable option of each utterance."""
        own = self.run.predictions()
        return own.filter(pl.col("system").str.ends_with(_SCORED))


def answer_all(
    models: Iterable[Trained],
    corpora: Sequence[Corpus],
    out: Path,
    settings: FairSettings,
    *,
    progress: Progress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> Iterator[Answered]:
    """Ask each model about the test part of its fold, by the road of every benchmark.

    Args:
        models: as they come out of their trainings.
        corpora: what they learnt from.
        out: runs go to ``out/answers``.
        settings: what is compared.
        progress: is told how far a benchmark is.
        watch: is told which model is asked.
        command: the command line as typed, for the records.
    """
    for model in models:
        watch(f"asking {model.key}")
        data = model.folder.record.config["data"]
        options = {
            "model": str(model.base.absolute()),
            "adapter": str(model.folder.best_path.absolute()),
        }
        run = benchmark(
            f"{model.key}={SYSTEM}",
            list(corpora),
            out=out / "answers" / model.key,
            options={model.key: options},
            folds=(model.fold,),
            limit=data["limit"],
            prompts=(data["prompt"],),
            group_by=(settings.attribute,),
            replicates=max(20, settings.replicates // 10),
            permutations=100,
            level=settings.level,
            seed=settings.seed,
            progress=progress,
            command=command,
        )
        yield Answered(model, run)


def compare_methods(
    answered: Sequence[Answered], reference: pl.DataFrame, settings: FairSettings, corpus: Corpus
) -> pl.DataFrame:
    """Score against worst gap of each method, with the paired differences.

    Args:
        answered: of all methods, seeds and folds.
        reference: the test utterances.
        settings: what is compared.
        corpus: whose label space holds.

    Returns:
        ESTIMATES rows, see :func:`~equivoice.evaluation.trade_off.trade_off`.
    """
    by_method: dict[tuple[str, int], list[pl.DataFrame]] = {}
    for each in answered:
        key = (each.trained.method.name, each.trained.seed)
        by_method.setdefault(key, []).append(each.predictions)
    runs = [TrainedRun(name, pl.concat(own), seed) for (name, seed), own in by_method.items()]
    runs.sort(key=lambda run: [method.name for method in settings.chosen].index(run.name))
    return trade_off(
        runs,
        reference,
        label_space=corpus.label_space,
        cell=settings.cell,
        attribute=settings.attribute,
        metric=METRIC,
        replicates=settings.replicates,
        level=settings.level,
        seed=settings.seed,
    )
