"""The main job, end to end: speech in, a fairness report out.

1. Make a corpus whose biases are planted and known, or take RAVDESS where real
   data are at hand.
2. Benchmark a baseline that listens, and one that does not: it shows what is
   reached by always naming the commonest emotion.
3. Score both by groups of speakers, with intervals over speakers.
4. Train small speech LLMs on other made speech, as usual (ERM) and with a penalty on
   the largest gap between women and men within a language (ERM-MinMaxGAP).
5. Write the report.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from equivoice.corpora import Corpus, prepare
from equivoice.corpora.synthetic import make_synthetic
from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.evaluation import benchmark
from equivoice.evaluation.sweep import Render
from equivoice.inference import Progress
from equivoice.reports.document import Section
from equivoice.store import RunFolder
from equivoice.studies.fair.page import study_chapter
from equivoice.studies.fair.settings import FairSettings
from equivoice.studies.fair_training import FairTraining, fair_training, made_speech
from equivoice.training.progress import TrainingProgress
from equivoice.uncertainty import FEWEST_UNITS

__all__ = [
    "METHODS",
    "SYSTEMS",
    "audit",
    "data_at_hand",
    "fair_folder",
    "missing_for_training",
    "quickstart",
    "real_corpus",
    "speech_to_learn",
    "synthetic_corpus",
    "train_fairly",
    "trained_section",
]

SYSTEMS = ("prior", "acoustic")
METHODS = ("erm", "minmaxgap")
"""How the small models are trained; see :func:`~equivoice.studies.fair.settings.read_method`."""
_NEEDED = {
    "torch": ("torch", "train"),
    "transformers": ("transformers", "train"),
    "peft": ("peft", "train"),
    "parselmouth": ("praat-parselmouth", "praat"),
}
_INTRODUCTION = (
    "Can training make a gap smaller, and what does that cost? Small speech LLMs with random first "
    "weights were trained on synthetic speech with a planted bias, other speech than that of the "
    "audit: as usual (ERM), and with a penalty on the largest difference in loss between women and "
    "men within a language (MinMaxGAP)."
)
_SHORTER = {"epochs": 12}  # than the study's, so that all is done in minutes
_CELLS = 6  # two genders in each of three languages
_GROUPINGS = {
    "synthetic": ("gender", "language", "gender x language"),
    "ravdess": ("gender",),
}


def quickstart(out: Path, *, data: Path | None = None, seed: int = 0) -> RunFolder:
    """Make or prepare a corpus, benchmark the baselines on it, and score them.

    Args:
        out: the folder for corpus and run.
        data: real data; the synthetic corpus is made where none are given.
        seed: decides everything that is drawn.

    Returns:
        the run, to read from.
    """
    corpus = synthetic_corpus(out, seed=seed) if data is None else real_corpus(data, out)
    return audit(corpus, out, seed=seed)


def data_at_hand() -> Path | None:
    """The folder that the variable ``EQUIVOICE_DATA`` names; ``None`` where it is not set."""
    named = os.environ.get("EQUIVOICE_DATA")
    return Path(named) if named else None


def synthetic_corpus(
    out: Path,
    *,
    seed: int = 0,
    speakers: int = 24,
    per_speaker: int = 18,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Speech that we make, in ``out/synthetic``; see :func:`make_synthetic`."""
    return make_synthetic(
        out / "synthetic",
        seed=seed,
        speakers=speakers,
        per_speaker=per_speaker,
        progress=progress,
    )


def real_corpus(data: Path, out: Path) -> Corpus:
    """RAVDESS, prepared in ``out/ravdess`` from its sound and EmoBox's metadata.

    Args:
        data: a folder with ``audio/ravdess`` and ``emobox/ravdess``.
        out: the folder for corpus and run.

    Raises:
        CorpusError: a folder or a file is missing.
    """
    return prepare(
        "ravdess",
        audio=data / "audio" / "ravdess",
        metadata=data / "emobox" / "ravdess",
        out=out / "ravdess",
    )


def audit(
    corpus: Corpus,
    out: Path,
    *,
    seed: int = 0,
    replicates: int = 10_000,
    render: Render | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> RunFolder:
    """Benchmark the baselines on a corpus and score them by groups of speakers.

    What an earlier call has done in ``out`` is not done again.

    Args:
        corpus: what is listened to.
        out: the folder; the run goes to ``out/run-CORPUS``.
        seed: decides everything that is drawn.
        replicates: of the bootstrap.
        render: makes the report out of the finished run.
        progress: is told how far the benchmark is.
        command: the command line as typed, for the record.

    Returns:
        the run, to read from.
    """
    return benchmark(
        SYSTEMS,
        corpus,
        out=out / f"run-{corpus.name}",
        seed=seed,
        group_by=_GROUPINGS[corpus.name],
        replicates=replicates,
        render=render,
        progress=progress,
        command=command,
    )


def missing_for_training() -> MissingDependencyError | None:
    """What must be installed before models can be trained, as an error to show; else ``None``."""
    missing = [own for module, own in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return None
    first, *others = (package for package, _ in missing)
    return MissingDependencyError(
        f"{first} with {', '.join(others)}" if others else first,
        extra=",".join(sorted({extra for _, extra in missing})),
        purpose=f"training {_named()}",
    )


def _named() -> str:
    return " and ".join(method.name for method in FairSettings(METHODS).chosen)


def fair_folder(out: Path) -> Path:
    """Where speech, models, trainings and answers of the training part stand."""
    return out / "fair-training"


def speech_to_learn(
    out: Path,
    *,
    seed: int = 0,
    speakers: int = 72,
    per_speaker: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Speech in three languages with a planted bias, in ``out/fair-training``.

    Args:
        out: the folder.
        seed: decides everything that is drawn.
        speakers: a sixth of them of each gender in each language; with fewer than 42
            there are too few test speakers for intervals.
        per_speaker: utterances of each speaker.
        progress: is called with the number of speakers done and in all.

    Raises:
        ConfigError: fewer than 18 speakers: none would be left to train on.
    """
    each = speakers // _CELLS
    if each < 3:
        raise ConfigError(
            "too few speakers to test by one, to choose by one and to train on one, of each "
            "gender in each language",
            value=speakers,
            hint=f"make {3 * _CELLS} or more",
        )
    return made_speech(
        fair_folder(out),
        seed=seed,
        speakers=speakers,
        per_speaker=per_speaker,
        tested=min(FEWEST_UNITS, max(1, each - 2)),  # one at least chooses, one is learnt from
        progress=progress,
    )


def train_fairly(
    speech: Corpus,
    out: Path,
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    seed: int = 0,
    replicates: int = 2_000,
    optimiser: Mapping[str, Any] | None = None,
    training: TrainingProgress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> FairTraining:
    """Train small speech LLMs by two methods, and compare what they answer to test speakers.

    What an earlier call has done in ``out`` is not done again; a training that was cut
    off goes on to the same weights.

    Args:
        speech: of :func:`speech_to_learn`.
        out: the folder; models, trainings and answers go to ``out/fair-training``.
        seeds: of first weights and training; a model for each method and seed.
        seed: of all resampling.
        replicates: of the bootstrap.
        optimiser: what is otherwise in the recipe, such as ``{"epochs": 2}``.
        training: is told of every step of a training.
        watch: is told what is at work.
        command: the command line as typed, for the records.

    Raises:
        ConfigError: what cannot be, named before the first step.
        MissingDependencyError: see :func:`missing_for_training`.
        RunError: a training diverged.
    """
    missing = missing_for_training()
    if missing is not None:
        raise missing
    settings = FairSettings(
        methods=METHODS,
        seeds=seeds,
        recipe={"optimiser": _SHORTER | dict(optimiser or {})},
        replicates=replicates,
        seed=seed,
    )
    place = fair_folder(out)
    return fair_training([speech], place, settings, training=training, watch=watch, command=command)


def trained_section(found: FairTraining, page: Path) -> Section:
    """What the training part found, as a section of the audit's report.

    Args:
        found: what :func:`train_fairly` gave.
        page: the page with the curves of every training.
    """
    return study_chapter(found, page, introduction=_INTRODUCTION)
