"""The whole chain of reasons, offline: teacher, filters, student, scores, grounding, judge.

1. A scripted teacher writes a reason for each training utterance, from measurements of the
   sound; some reasons break a rule on purpose, some claims are wrong on purpose.
2. Filters drop what breaks a rule.
3. Small speech LLMs learn to transcribe, to answer and to explain; and, from the same
   weights and utterances, to transcribe and to answer alone.
4. Each is asked about the test part in the open and in the closed form, and scored.
5. What reasons claim is held against the sound; a scripted judge compares them with others.
6. All of it is laid out, with how little it proves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora import Corpus, load_corpus
from equivoice.corpora.folds import split
from equivoice.errors import ConfigError, CorpusError
from equivoice.inference import Progress
from equivoice.inference.default_folds import with_default_folds
from equivoice.rationales.generating import Teaching, generate_rationales, training_utterances
from equivoice.rationales.grounding import Ground, make_ground
from equivoice.rationales.measurements import measure_utterances
from equivoice.rationales.refiltering import refilter
from equivoice.records import replace_file
from equivoice.reports import render_page
from equivoice.store.cache import ArrayCache
from equivoice.store.rationale_folder import RationaleFolder
from equivoice.studies.chain.answering import ask, reasons_given
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.judging import Court, judge_reasons
from equivoice.studies.chain.learning import train_students
from equivoice.studies.chain.measuring import ablation, forms_of, ground_all
from equivoice.studies.chain.page import chain_sections
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.chain.teacher import teacher_texts
from equivoice.training.progress import TrainingProgress

__all__ = ["Chain", "Watching", "rationale_chain", "write_rationale_chain"]

_TEACHER = "scripted-writer"
_TEACHING = Teaching(prompt="grounded")


def _silent(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Watching:
    """Who is told how far the work is.

    Args:
        training: of every step of a training.
        asking: how far a benchmark is.
        step: what is at work.
        command: the command line as typed, for the records.
        workers: processes that measure the sound; one a core by default.
    """

    training: TrainingProgress | None = None
    asking: Progress | None = None
    step: Callable[[str], None] = _silent
    command: str = ""
    workers: int | None = None


def rationale_chain(
    corpora: Sequence[str | Path | Corpus],
    out: Path,
    settings: ChainSettings | None = None,
    *,
    watching: Watching | None = None,
) -> list[Chain]:
    """Run the chain on each corpus; what an earlier call has done in ``out`` is not done again.

    Args:
        corpora: prepared corpora with sound and transcripts; each is a chain of its own.
        out: the folder of the study; each corpus has a folder of its name in it.
        settings: how the chain is run.
        watching: who is told how far the work is.

    Raises:
        ConfigError: no corpus, two of one name, or other settings than those of what stands
            in ``out``.
        CorpusError: a corpus lacks the fold, speakers or training utterances.
        RunError: a training diverged.

    Example:
        ::

            found = rationale_chain(["corpora/ravdess"], Path("chain"), ChainSettings(seeds=(0,)))
            write_rationale_chain(found, Path("chain"))
    """
    asked, told = settings or ChainSettings(), watching or Watching()
    given = [each if isinstance(each, Corpus) else load_corpus(Path(each)) for each in corpora]
    names = [corpus.name for corpus in given]
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            "the chain needs corpora of different names",
            value=", ".join(names) or "none",
            hint="name one corpus or several, each once",
        )
    with_folds = [with_default_folds(corpus)[0] for corpus in given]
    folds = [_fold(corpus, asked.fold) for corpus in with_folds]
    return [
        _chain(corpus, fold, out / corpus.name, asked, told)
        for corpus, fold in zip(with_folds, folds, strict=True)
    ]


def _fold(corpus: Corpus, wanted: str | None) -> str:
    names = corpus.fold_names
    if wanted is not None and wanted not in names:
        raise CorpusError(f"{corpus.name} has no such fold", value=wanted, choices=names)
    return names[0] if wanted is None else wanted


def _chain(corpus: Corpus, fold: str, out: Path, settings: ChainSettings, told: Watching) -> Chain:
    told.step(f"{corpus.name}: measuring {corpus.utterances.height} utterances")
    cache = ArrayCache(out / "measured")
    measured = measure_utterances(corpus.utterances, cache=cache, workers=told.workers)
    ground = make_ground(measured, corpus.utterances)
    written, rationales = _taught(corpus, fold, ground, out, settings, told)
    students = train_students(
        corpus,
        fold,
        rationales.path,
        out,
        settings,
        progress=told.training,
        watch=told.step,
        command=told.command,
    )
    asking: dict[str, Any] = {
        "progress": told.asking,
        "watch": told.step,
        "command": told.command,
    }
    answered = [ask(student, corpus, fold, settings, **asking) for student in students]
    tested = split(corpus, fold).test
    explained = next(each for each in answered if each.student.arm == next(iter(ARMS)))
    told.step(f"{corpus.name}: holding reasons against the sound, and judging them")
    return Chain(
        settings=settings,
        corpus=corpus,
        fold=fold,
        written=written,
        rationales=rationales,
        dropped=refilter(rationales, _TEACHING.rules, corpus=corpus).dropped,
        answered=tuple(answered),
        forms=forms_of(answered, corpus, settings, watch=told.step),
        ablation=ablation(answered, tested, corpus, settings),
        grounded=ground_all(
            answered,
            rationales.rationales(),
            corpus,
            settings,
            cache=cache,
            workers=told.workers,
        ),
        judged=tuple(
            judge_reasons(
                reasons_given(explained, corpus),
                Court(corpus.utterances, ground, out, settings, told.command),
            )
        ),
    )


def _taught(
    corpus: Corpus, fold: str, ground: Ground, out: Path, settings: ChainSettings, told: Watching
) -> tuple[pl.DataFrame, RationaleFolder]:
    """What the teacher wrote, with what was planted in it; and its folder, filtered."""
    told.step(f"{corpus.name}: the scripted teacher explains the training part of fold {fold}")
    part = training_utterances(corpus, fold).drop_nulls("emotion")
    written = teacher_texts(
        part, ground, faults=settings.faults, slips=settings.slips, seed=settings.seed
    )
    texts = out / "teacher.csv"
    texts.parent.mkdir(parents=True, exist_ok=True)
    replace_file(texts, written.write_csv)
    folder = generate_rationales(
        _TEACHER,
        corpus,
        out=out / "reasons",
        fold=fold,
        how=replace(_TEACHING, seed=settings.seed, limit=settings.limit),
        options={"texts": str(texts)},
        command=told.command,
    )
    return written, folder


def write_rationale_chain(found: Sequence[Chain], out: Path, *, command: str = "") -> Path:
    """Write the page, and the numbers of each corpus; returns the page's path.

    Args:
        found: what :func:`rationale_chain` found.
        out: the folder of the study.
        command: the command line as typed.
    """
    for chain in found:
        place = out / chain.corpus.name
        for seed, measured in chain.forms.items():
            replace_file(place / f"forms-seed-{seed}.csv", measured.scores.table.write_csv)
        replace_file(place / "claims.csv", chain.grounded.estimates.write_csv)
        rows = pl.concat(
            [rows.with_columns(form=pl.lit(form)) for form, rows in chain.ablation.items()]
        )
        replace_file(place / "ablation.csv", rows.write_csv)
    page = render_page(
        "With and without reasons: the whole chain", chain_sections(found, command=command)
    )
    return replace_file(out / "rationale-chain.html", lambda place: _write(place, page))


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
