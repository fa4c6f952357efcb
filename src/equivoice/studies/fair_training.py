"""Fair fine-tuning for people without a GPU: small speech LLMs from nothing, ERM against MinMaxGAP.

1. Make speech in three languages whose bias is planted and known, or take prepared corpora.
2. Train a small speech LLM for each fold, seed and method; all methods begin with the
   same random weights, or with what one training on other speech made of them.
3. Ask each about the test part of its fold, which it has not heard.
4. Lay out score against worst gap with intervals over seeds and speakers, paired
   differences, the curves of every training, and how little it proves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus, load_corpus
from equivoice.inference import Progress
from equivoice.records import replace_file
from equivoice.reports import render_page
from equivoice.reports.training_inputs import TrainingInputs
from equivoice.studies.fair.answering import answer_all, compare_methods
from equivoice.studies.fair.found import FairTraining
from equivoice.studies.fair.learning import train_all
from equivoice.studies.fair.page import study_sections
from equivoice.studies.fair.settings import FairSettings
from equivoice.studies.fair.speech import (
    check_unheard,
    made_speech,
    tested_utterances,
    with_labels,
    with_shared_labels,
)
from equivoice.training.progress import TrainingProgress

__all__ = ["FairTraining", "fair_training", "made_speech", "write_fair_training"]


def fair_training(
    corpora: Sequence[str | Path | Corpus],
    out: Path,
    settings: FairSettings | None = None,
    *,
    pretrain_on: Sequence[str | Path | Corpus] = (),
    training: TrainingProgress | None = None,
    asking: Progress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> FairTraining:
    """Train, ask and compare; what an earlier call has done in ``out`` is not done again.

    Args:
        corpora: prepared corpora. Labels that not all of them have are left out.
        out: the folder of the study.
        settings: what is compared.
        pretrain_on: prepared corpora with the same labels and other voices. Where there are
            any, the model of each seed learns from these by ERM, and all methods go on from
            what comes out; by default they begin with random weights.
        training: is told of every step of a training.
        asking: is told how far a benchmark is.
        watch: is told what is at work.
        command: the command line as typed, for the records.

    Raises:
        InputError: what cannot be, named before the first step.
        RunError: a training diverged.
    """
    asked = settings or FairSettings()
    given, before = (
        [each if isinstance(each, Corpus) else load_corpus(Path(each)) for each in several]
        for several in (corpora, pretrain_on)
    )
    shared = with_shared_labels(given, out)
    names = shared[0].label_space.names
    before = [with_labels(each, names, out / "corpora" / f"{each.name}-before") for each in before]
    tested = tested_utterances(shared, asked.folds)
    check_unheard(tested, before, asked.folds[0])
    models = train_all(
        shared,
        out,
        asked,
        pretrain_on=before,
        progress=training,
        watch=watch,
        command=command,
    )
    answers = answer_all(models, shared, out, asked, progress=asking, watch=watch, command=command)
    answered = tuple(answers)
    asked_about = pl.concat([each.predictions for each in answered])
    reference = tested.join(asked_about, on="utterance_id", how="semi")
    estimates = compare_methods(answered, reference, asked, shared[0])
    return FairTraining(asked, tuple(shared), answered, reference, estimates, tuple(before))


def write_fair_training(
    found: FairTraining, out: Path, trainings: Sequence[TrainingInputs], *, command: str = ""
) -> Path:
    """Write the page and the numbers; returns the page's path."""
    sections = study_sections(found, trainings, command=command)
    page = render_page("Fair fine-tuning of a small speech LLM: score against worst gap", sections)
    replace_file(out / "estimates.csv", found.estimates.drop("left_out").write_csv)
    return replace_file(out / "fair-training.html", lambda place: _write(place, page))


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
