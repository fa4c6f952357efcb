"""One small speech LLM a seed, trained twice from the same weights: with reasons and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from equivoice.corpora import Corpus
from equivoice.store import TrainingFolder
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.training import plan_training, run_training
from equivoice.training.data import gather_data
from equivoice.training.from_scratch import SYSTEM, make_base
from equivoice.training.progress import TrainingProgress
from equivoice.training.recipes import resolve_settings
from equivoice.training.task import loaded_corpora, place_of

__all__ = ["RECIPE", "Student", "train_students"]

RECIPE = "rationales"


@dataclass(frozen=True)
class Student:
    """A model that was trained.

    Args:
        arm: with reasons or without, one of :data:`~.settings.ARMS`.
        seed: of its first weights and of its training.
        base: the folder of the model before.
        folder: the training.
    """

    arm: str
    seed: int
    base: Path
    folder: TrainingFolder

    @property
    def key(self) -> str:
        """Its name in folders."""
        return student_key(self.arm, self.seed)


def student_key(arm: str, seed: int) -> str:
    """The name of a student in folders.

    Example:
        >>> student_key("with reasons", 3)
        'with-reasons-seed-3'
    """
    return f"{arm.replace(' ', '-')}-seed-{seed}"


def train_students(
    corpus: Corpus,
    fold: str,
    rationales: Path,
    out: Path,
    settings: ChainSettings,
    *,
    progress: TrainingProgress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> Iterator[Student]:
    """Train both halves of the ablation, seed by seed.

    Args:
        corpus: with folds.
        fold: whose training part is learnt from.
        rationales: the teacher's folder.
        out: models go to ``out/models``, trainings to ``out/trainings``.
        settings: of the chain.
        progress: is told of every step.
        watch: is told which training is at work.
        command: the command line as typed, for the records.

    Raises:
        InputError: what cannot be, named before anything is learnt.
        RunError: a training diverged.
    """
    for seed in settings.seeds:
        watch(f"{corpus.name}: making the model that both trainings of seed {seed} begin with")
        base = _base(corpus, fold, rationales, out, settings, seed)
        for arm, form in ARMS.items():
            key = student_key(arm, seed)
            watch(f"{corpus.name}: training {key}")
            task = plan_training(
                f"small={SYSTEM}",
                corpus,
                recipe=RECIPE,
                options={"model": str(base.absolute())},
                fold=fold,
                seed=seed,
                **settings.changes(str(rationales), form),
            )
            folder = run_training(task, out / "trainings" / key, progress=progress, command=command)
            yield Student(arm, seed, base, folder)


def _base(
    corpus: Corpus, fold: str, rationales: Path, out: Path, settings: ChainSettings, seed: int
) -> Path:
    """The model of a seed, set from the training speech; it can write what either half learns."""
    asked = resolve_settings(
        RECIPE,
        {"seed": seed, **settings.changes(str(rationales), ARMS["with reasons"])},
        system=SYSTEM,
        corpora=(place_of(corpus),),
        options={},
        fold=fold,
    )
    data = gather_data(asked, loaded_corpora([corpus]))
    return make_base(out / "models" / f"seed-{seed}", asked, data)
