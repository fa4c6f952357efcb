"""A teacher explains the labels of training utterances, and of no others.

Any language system that can be given sound and transcript is a teacher. It is told the
label, so what it writes may only ever be learnt from: an utterance of a validation or test
part is refused before anything is asked. Answers are kept as they come, so that the work
goes on where it was cut off; each row says by whom, with which prompt, temperature and
seed it was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.corpora.fingerprint import input_hashes
from equivoice.corpora.folds import split
from equivoice.corpora.limiting import limited
from equivoice.errors import AudioError, ConfigError, CorpusError, InputError
from equivoice.inference.default_folds import with_default_folds
from equivoice.inference.faults import reason_of
from equivoice.inference.lengths import lengths_of
from equivoice.inference.questions import Asked, Wanted, ask_questions
from equivoice.inference.seeds import seed_for
from equivoice.models.language import Clip, Decoding, Draw, LanguageBackend, Question, Said
from equivoice.models.registry import load_model
from equivoice.prompting import Prompt
from equivoice.prompting.teacher_prompts import load_teacher_prompt
from equivoice.rationales.filtering import Filtered, apply_filters
from equivoice.rationales.filters import FilterRules
from equivoice.records import RunRecord
from equivoice.store.provenance import git_revision, machine, now, package_versions
from equivoice.store.rationale_folder import GENERATE, RationaleFolder

__all__ = [
    "Generation",
    "Teaching",
    "answered",
    "drops_text",
    "generate_rationales",
    "plan_generation",
    "run_generation",
    "training_utterances",
    "transcripts_of",
]

_MODALITY = "speech+transcript"
_FILTERS_FILE = "filters.json"


class Watch(Protocol):
    """Told how many utterances are explained."""

    def __call__(self, done: int, total: int, /) -> None:
        """So many of so many."""


def _silent(done: int, total: int, /) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Teaching:
    """How a teacher is asked.

    Args:
        prompt: of :func:`~equivoice.prompting.teacher_prompts.teacher_prompt_names`, or a file.
        temperature: 0 takes the most probable token at each step.
        decoding: how answers are sampled otherwise. The paper does not say: the checkpoint's
            own settings, and room for 256 tokens, are ours.
        seed: the root of all seeds.
        batch_size: how many utterances the teacher is given at once.
        limit: at most so many utterances, each label in its turn.
        rules: which reasons are kept.
    """

    prompt: str = "published"
    temperature: float = 0.0
    decoding: Decoding = field(default_factory=lambda: Decoding(max_new_tokens=256))
    seed: int = 0
    batch_size: int = 8
    limit: int | None = None
    rules: FilterRules = field(default_factory=FilterRules)

    def __post_init__(self) -> None:
        wrong = {
            f"temperature: {self.temperature} is negative": self.temperature < 0,
            f"batch_size: {self.batch_size} is below 1": self.batch_size < 1,
            f"limit: {self.limit} is below 1": self.limit is not None and self.limit < 1,
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)


@dataclass(frozen=True)
class Generation:
    """A generation made concrete.

    Args:
        teacher: the system.
        corpus: with folds.
        fold: whose training part is explained.
        utterances: of that part, those that are explained; labelled.
        how: how the teacher is asked.
        prompt: as loaded.
        left_out: how many utterances of the part were left out, by reason.
    """

    teacher: LanguageBackend
    corpus: Corpus
    fold: str
    utterances: pl.DataFrame
    how: Teaching
    prompt: Prompt
    left_out: Mapping[str, int]

    def seed(self, utterance: str, emotion: str) -> int:
        """The seed of one answer, which depends on nothing else that is asked."""
        parts = (utterance, self.prompt.name, emotion, self.how.temperature)
        return seed_for(self.how.seed, "rationale", *parts)


def generate_rationales(
    teacher: str | LanguageBackend,
    corpus: str | Path | Corpus,
    *,
    out: str | Path,
    fold: str | None = None,
    only: Sequence[str] | None = None,
    how: Teaching | None = None,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    watch: Watch = _silent,
    command: str = "",
) -> RationaleFolder:
    """Let a teacher explain the training utterances of a fold, and filter what it writes.

    Cut off, it goes on where it was when the same call is made again.

    Args:
        teacher: a language system, or its name.
        corpus: a prepared corpus: a folder, or an object.
        out: the folder for the rationales.
        fold: whose training part is explained; needed where there are several.
        only: these utterances alone; each must be of the training part.
        how: how the teacher is asked, and which reasons are kept.
        options: of the teacher, where it is given by name.
        overwrite: begin anew, whatever rationales stand in the folder.
        watch: told how far the work is.
        command: the command line as typed, for the record.

    Returns:
        the folder, to read from.

    Raises:
        InputError: what cannot be; among others an utterance that is not of the training
            part, which is named.
        RunError: the teacher fails on each utterance of the first batch.
        LockedRunError: another process works on ``out``.
        StorageError: ``out`` cannot be written to.
    """
    plan = plan_generation(teacher, corpus, fold=fold, only=only, how=how, options=options)
    return run_generation(plan, out, overwrite=overwrite, watch=watch, command=command)


def plan_generation(
    teacher: str | LanguageBackend,
    corpus: str | Path | Corpus,
    *,
    fold: str | None = None,
    only: Sequence[str] | None = None,
    how: Teaching | None = None,
    options: Mapping[str, Any] | None = None,
) -> Generation:
    """What :func:`generate_rationales` would do; all that can be wrong is found here.

    Raises:
        InputError: what cannot be.
    """
    how = how or Teaching()
    prompt = load_teacher_prompt(how.prompt)
    given = corpus if isinstance(corpus, Corpus) else load_corpus(Path(corpus))
    with_folds, _ = with_default_folds(given)
    fold = _fold(with_folds, fold)
    part = training_utterances(with_folds, fold, only)
    known = part.filter(pl.col("emotion").is_not_null())
    chosen = limited(known, how.limit, seed=how.seed)
    left_out = {
        "training utterance without label": part.height - known.height,
        "training utterance beyond the limit": known.height - chosen.height,
    }
    backend = _teacher(teacher, options or {})
    _try_out(prompt, backend, with_folds)
    return Generation(backend, with_folds, fold, chosen.sort("utterance_id"), how, prompt, left_out)


def training_utterances(
    corpus: Corpus, fold: str, only: Sequence[str] | None = None
) -> pl.DataFrame:
    """The training part of a fold, or some utterances of it.

    Args:
        corpus: with folds.
        fold: one of them.
        only: the utterances that are wanted.

    Raises:
        CorpusError: one of them is of the validation or the test part, or not in the fold.
    """
    parts = split(corpus, fold)
    if only is None:
        return parts.train
    held = {"test": parts.test, "validation": parts.validation}
    for name, table in held.items():
        foreign = set() if table is None else set(table.get_column("utterance_id")) & set(only)
        if foreign:
            raise CorpusError(
                f"an utterance of the {name} part of fold {fold} of {corpus.name} cannot be "
                "explained: the teacher is told its label",
                value=min(foreign),
                hint="rationales are made of the training part alone",
            )
    unknown = sorted(set(only) - set(parts.train.get_column("utterance_id")))
    if unknown:
        raise CorpusError(
            f"the training part of fold {fold} of {corpus.name} has no such utterance",
            value=unknown[0],
        )
    return parts.train.filter(pl.col("utterance_id").is_in(list(only)))


def _fold(corpus: Corpus, fold: str | None) -> str:
    names = corpus.fold_names
    if fold is None and len(names) > 1:
        raise ConfigError(
            f"{corpus.name} has several folds: which one's training part is to be explained?",
            choices=names,
            hint=f"--fold {names[0]}",
        )
    return names[0] if fold is None else fold


def _teacher(teacher: str | LanguageBackend, options: Mapping[str, Any]) -> LanguageBackend:
    backend = load_model(teacher, **options) if isinstance(teacher, str) else teacher
    if not isinstance(backend, LanguageBackend):
        raise ConfigError(
            "a teacher answers in words, and this system does not",
            value=str(teacher),
            hint="a speech LLM or a server; 'equivoice models' lists systems",
        )
    if _MODALITY not in backend.modalities:
        raise ConfigError(
            f"a teacher is given sound and transcript, and {backend.name} cannot be",
            value=", ".join(sorted(backend.modalities)),
        )
    return backend


def _try_out(prompt: Prompt, backend: LanguageBackend, corpus: Corpus) -> None:
    """See that the prompt has a wording for the teacher, before anything is asked."""
    prompt.render(
        prompt.options(corpus.label_space),
        family=backend.family,
        modality=_MODALITY,
        transcript="",
        emotion="",
    )


# ------------------------------------------------------------------------- the work


def run_generation(
    plan: Generation,
    out: str | Path,
    *,
    overwrite: bool = False,
    watch: Watch = _silent,
    command: str = "",
) -> RationaleFolder:
    """Do what was planned, or go on with it; see :func:`generate_rationales`."""
    with RationaleFolder.open(out, overwrite=overwrite) as run:
        run.begin(_record(plan, command))
        _ask(plan, run, watch)
        filtered = apply_filters(
            answered(run.answers(), run.record.config),
            transcripts_of(plan.corpus),
            plan.corpus.label_space,
            plan.how.rules,
        )
        run.write_rationales(filtered.rationales)
        run.write_text(_FILTERS_FILE, drops_text(filtered))
        if run.record.finished is None:
            run.save_record(run.record.model_copy(update={"finished": now()}))
    return RationaleFolder.read(out)


def answered(answers: pl.DataFrame, config: Mapping[str, Any]) -> pl.DataFrame:
    """A teacher's answers with what holds for all of them: teacher, prompt, temperature."""
    return answers.with_columns(
        teacher=pl.lit(config["teacher"]),
        prompt=pl.lit(config["prompt"]),
        temperature=pl.lit(config["temperature"], dtype=pl.Float64),
    )


def transcripts_of(corpus: Corpus) -> dict[str, str | None]:
    """What is said in each utterance; nothing where the corpus has no transcripts."""
    if "transcript" not in corpus.utterances.columns:
        return {}
    return dict(corpus.utterances.select("utterance_id", "transcript").iter_rows())


def drops_text(filtered: Filtered) -> str:
    """What each filter dropped, as JSON."""
    return json.dumps(filtered.dropped.to_dicts(), ensure_ascii=False, indent=2) + "\n"


def _record(plan: Generation, command: str) -> RunRecord:
    how = plan.how
    corpus = plan.corpus
    described = json.loads(json.dumps(dict(plan.teacher.describe()), default=str))
    shown = json.dumps([asdict(each) for each in plan.prompt.wordings], ensure_ascii=False)
    names = plan.utterances.get_column("utterance_id").to_list()
    return RunRecord(
        verb=GENERATE,
        config={
            "teacher": plan.teacher.name,
            "corpus": corpus.name if corpus.root is None else str(corpus.root.absolute()),
            "fold": plan.fold,
            "prompt": plan.prompt.name,
            "temperature": how.temperature,
            "decoding": asdict(how.decoding),
            "seed": how.seed,
            "batch_size": how.batch_size,
            "limit": how.limit,
            "rules": how.rules.model_dump(mode="json"),
        },
        command=command,
        versions=package_versions(),
        git_revision=git_revision(),
        inputs={
            **input_hashes({corpus.name: corpus}),
            f"prompt {plan.prompt.name}": hashlib.sha256(shown.encode()).hexdigest(),
            "utterances": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        },
        seeds={"root": how.seed},
        host=machine(),
        started=now(),
        generation={plan.teacher.name: described},
        left_out={reason: number for reason, number in plan.left_out.items() if number},
    )


def _ask(plan: Generation, run: RationaleFolder, watch: Watch) -> None:
    """Put to the teacher what it has not explained yet."""
    told = dict(plan.utterances.select("utterance_id", "emotion").iter_rows())
    done = set(run.answers().get_column("utterance_id"))
    watch(len(done), len(told))
    wanted, unaskable = _wanted(plan)
    _store(run, plan, told, [pair for pair in unaskable if pair[0] not in done], None)
    done |= {name for name, _ in unaskable}
    for asked in ask_questions(
        plan.teacher, wanted, plan.how.decoding, batch_size=plan.how.batch_size, done=done
    ):
        answers = [(each.key, said) for each, said in asked.answers]
        _store(run, plan, told, answers, _seconds(asked))
        done |= {name for name, _ in answers}
        watch(len(done), len(told))


def _wanted(plan: Generation) -> tuple[list[Wanted], list[tuple[str, Said]]]:
    """The questions, the shortest first; and what cannot be asked, with the reason."""
    lengths = lengths_of(plan.utterances, _MODALITY)
    options = plan.prompt.options(plan.corpus.label_space)
    words = dict(zip(options.labels, options.shown, strict=True))
    wanted: list[Wanted] = []
    unaskable: list[tuple[str, Said]] = []
    rows = sorted(
        plan.utterances.iter_rows(named=True),
        key=lambda row: (lengths[row["utterance_id"]], row["utterance_id"]),
    )
    for row in rows:
        name, emotion = row["utterance_id"], row["emotion"]
        try:
            if row.get("audio") is None:
                raise AudioError("the utterance has no sound", value=name, column="audio")
            turns = plan.prompt.render(
                options,
                family=plan.teacher.family,
                modality=_MODALITY,
                transcript=row.get("transcript"),
                emotion=words[emotion].lower(),
            )
        except InputError as error:
            unaskable.append((name, Said(None, reason_of(error))))
            continue
        clip = Clip(row["audio"], row.get("start"), row.get("end"))
        draw = Draw(plan.how.temperature, plan.seed(name, emotion))
        wanted.append(Wanted(name, Question(name, turns, clip), draw))
    return wanted, unaskable


def _seconds(asked: Asked) -> float:
    return asked.seconds / max(1, len(asked.answers))


def _store(
    run: RationaleFolder,
    plan: Generation,
    told: Mapping[str, str],
    answers: Sequence[tuple[str, Said]],
    seconds: float | None,
) -> None:
    if not answers:
        return
    rows = [
        {
            "utterance_id": name,
            "emotion": told[name],
            "response": said.text,
            "why": None if said.text is not None else said.reason or "the teacher gave no answer",
            "finished": said.finished,
            "seed": plan.seed(name, told[name]),
            "seconds": seconds,
            "cost": said.cost,
        }
        for name, said in answers
    ]
    types = {"finished": pl.Boolean, "seed": pl.UInt64, "seconds": pl.Float64, "cost": pl.Float64}
    run.append_answers(pl.DataFrame(rows, schema_overrides=types))
