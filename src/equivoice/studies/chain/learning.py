"""One small speech LLM a seed, trained twice from the same weights: with reasons and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from equivoice.corpora import Corpus
from equivoice.prompting.explained import write_target
from equivoice.rationales.filtering import KEPT
from equivoice.rationales.generating import transcripts_of
from equivoice.rationales.refiltering import read_rationales
from equivoice.store import TrainingFolder
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.fair.learning import SYSTEM, small_model
from equivoice.training import plan_training, run_training
from equivoice.training.progress import TrainingProgress

__all__ = ["PROMPT", "RECIPE", "Student", "train_students"]

RECIPE = "rationales"
PROMPT = "open_form"
"""The prompt that students learn with, as published."""


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
        base = small_model(
            corpus, out, settings.size, seed, prompt=PROMPT, texts=_answers(corpus, rationales)
        )
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


def _answers(corpus: Corpus, rationales: Path) -> list[str]:
    """What a student will write, so that it can write it in few tokens."""
    kept = read_rationales(rationales).filter(status=KEPT).sort("utterance_id")
    said = transcripts_of(corpus)
    rows = kept.select("utterance_id", "emotion", "reason").rows()
    return [write_target(said.get(name), emotion, reason) for name, emotion, reason in rows]
