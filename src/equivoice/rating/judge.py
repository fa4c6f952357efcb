"""A language system judges reasons: each item once, resumable; verdicts become votes.

The judge sees what a rubric shows and nothing else: no system's name, no reference label.
A pair in both orders is two items, so the judge's liking for a place can be estimated and
cancels out of the win rate (:mod:`equivoice.rating.analysis`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from equivoice.errors import ConfigError
from equivoice.inference.questions import Wanted, ask_questions
from equivoice.inference.seeds import seed_for
from equivoice.models import Clip, Decoding, Draw, LanguageBackend, Question, Said
from equivoice.rating.rubrics import Rubric
from equivoice.rating.sampling import Sampled, shown_texts
from equivoice.rating.verdicts import read_verdict
from equivoice.records import UTTERANCES, VOTES, RunRecord
from equivoice.store.judging_folder import JUDGE, JUDGMENTS, JudgingFolder
from equivoice.store.provenance import git_revision, hash_frame, machine, now, package_versions

__all__ = ["Judging", "choose_modality", "judge", "votes_of"]

_MODALITIES = ("speech", "speech+transcript", "transcript")
_CHANNEL = {"speech": "voice", "speech+transcript": "voice", "transcript": "text"}
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Judging:
    """How a judge is asked.

    Args:
        rubric: what is asked.
        modality: what the judge is given; see :func:`choose_modality`.
        temperature: of sampling; 0 takes the most probable tokens.
        decoding: how answers are sampled otherwise.
        batch_size: how many items the judge is given at once.
        seed: the root of the answers' seeds.
    """

    rubric: Rubric
    modality: str
    temperature: float = 0.0
    decoding: Decoding = field(default_factory=lambda: Decoding(max_new_tokens=256))
    batch_size: int = 8
    seed: int = 0


def choose_modality(backend: LanguageBackend, rubric: Rubric, wanted: str | None = None) -> str:
    """What a judge is given: what was asked for, or the most that it and the rubric allow.

    Args:
        backend: the judge.
        rubric: what is asked.
        wanted: ``speech``, ``speech+transcript`` or ``transcript``.

    Raises:
        ConfigError: judge and rubric have no modality in common, or not the wanted one.

    Example:
        >>> from equivoice.models.scripted_language import ScriptedServer
        >>> from equivoice.rating.rubrics import load_rubric
        >>> choose_modality(ScriptedServer(modalities=["transcript"]), load_rubric("pairwise"))
        'transcript'
    """
    common = [m for m in _MODALITIES if m in backend.modalities and m in rubric.modalities]
    if wanted is None and common:
        return common[0]
    if wanted is None or wanted not in common:
        raise ConfigError(
            f"{backend.name} cannot be asked the rubric {rubric.name!r} with this modality",
            value=wanted,
            choices=common or ["none: they have no modality in common"],
        )
    return wanted


def judge(
    backend: LanguageBackend,
    sampled: Sampled,
    utterances: pl.DataFrame,
    judging: Judging,
    folder: JudgingFolder,
    *,
    config: Mapping[str, Any] | None = None,
    command: str = "",
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> pl.DataFrame:
    """Have all items judged and store the verdicts; go on where it stopped.

    Args:
        backend: the judge.
        sampled: the items.
        utterances: with ``audio`` (absolute paths) or ``transcript``, as the modality needs.
        judging: how it is asked.
        folder: where the answers go; open for writing.
        config: what else belongs into the run record, such as what was drawn.
        command: the command line as typed.
        progress: told how many of how many items are judged.

    Returns:
        the votes, as :func:`votes_of`.

    Raises:
        ConfigError: the folder holds another judging; what differs is named.
        InputError: an utterance lacks what the judge is to be given.
        RunError: the judge breaks its protocol, or fails on all of the first batch.
        StorageError: answers cannot be written.
    """
    wanted = _wanted(sampled, utterances, judging, backend.name)
    folder.begin(_record(backend, sampled, utterances, judging, config or {}, command))
    folder.write("items", sampled.items.with_columns(channel=pl.lit(_CHANNEL[judging.modality])))
    folder.write("groups", sampled.groups)
    done = set(folder.judgments().get_column("item"))
    total, finished = len(wanted), len(done)
    progress(finished, total)
    batches = ask_questions(
        backend, wanted, judging.decoding, batch_size=judging.batch_size, done=done
    )
    for batch in batches:
        rows = [_row(each, said, judging.rubric, backend.name) for each, said in batch.answers]
        folder.append(pl.DataFrame(rows, schema=dict(JUDGMENTS.empty().schema)))
        finished += len(rows)
        progress(finished, total)
    votes = votes_of(folder.judgments(), channel=_CHANNEL[judging.modality])
    folder.write("votes", votes)
    record = folder.record
    if record.finished is None:
        folder.save_record(record.model_copy(update={"finished": now()}))
    return votes


def votes_of(judgments: pl.DataFrame, *, channel: str) -> pl.DataFrame:
    """The verdicts that could be read, as votes of a model.

    Args:
        judgments: a table of ``store.judging_folder.JUDGMENTS``.
        channel: what the judge perceived: ``voice`` or ``text``.

    Example:
        >>> import polars as pl
        >>> rows = {"item": ["a", "b"], "rater": ["j"] * 2, "question": ["preference"] * 2,
        ...         "status": ["parsed", "unparsed"], "value": ["tie", None]}
        >>> votes_of(pl.DataFrame(rows), channel="text").select("item", "value").rows()
        [('a', 'tie')]
    """
    read = JUDGMENTS.validate(judgments).filter(pl.col("status") == "parsed").sort("item")
    votes = read.select(
        "item",
        "rater",
        "question",
        "value",
        "number",
        channel=pl.lit(channel),
        kind=pl.lit("model"),
        count=pl.lit(1, dtype=pl.Int64),
    )
    return VOTES.validate(votes)


# ------------------------------------------------------------------------- inside


def _wanted(
    sampled: Sampled, utterances: pl.DataFrame, judging: Judging, name: str
) -> list[Wanted]:
    known = UTTERANCES.validate(utterances)
    by_name = {row["utterance_id"]: row for row in known.iter_rows(named=True)}
    lost = sampled.items.filter(~pl.col("utterance_id").is_in(list(by_name)))
    if not lost.is_empty():
        raise ConfigError(
            f"{lost.height} items are of utterances that are not known",
            value=lost.get_column("utterance_id")[0],
            hint="name the corpus that the predictions are of",
        )
    found = []
    for row in sampled.items.iter_rows(named=True):
        utterance = by_name[row["utterance_id"]]
        shown = shown_texts(row["shown"])
        if utterance.get("transcript"):
            shown["transcript"] = utterance["transcript"]
        turns = judging.rubric.render(shown, modality=judging.modality)
        clip = _clip(utterance) if judging.modality != "transcript" else None
        seed = seed_for(judging.seed, "judge", row["item"], name, judging.rubric.title)
        question = Question(row["utterance_id"], turns, clip)
        found.append(Wanted(row["item"], question, Draw(judging.temperature, seed)))
    return found


def _clip(utterance: Mapping[str, Any]) -> Clip:
    if utterance["audio"] is None:
        raise ConfigError(
            "the utterance has no sound, and the judge is to hear it",
            value=utterance["utterance_id"],
            hint="name a corpus with sound, or --modality transcript",
        )
    return Clip(utterance["audio"], utterance["start"], utterance["end"])


def _row(wanted: Wanted, said: Said, rubric: Rubric, judge_name: str) -> dict[str, Any]:
    row = {
        "item": wanted.key,
        "rater": judge_name,
        "question": rubric.question,
        "response": said.text,
        "seed": wanted.draw.seed,
        "cost": said.cost,
    }
    if said.text is None:
        why = (said.reason or "no answer")[:_LONGEST_REASON]
        return {**row, "status": "failed", "value": None, "number": None, "why": why}
    read = read_verdict(said.text, rubric)
    why = read.why
    if read.status == "unparsed" and said.finished is False:
        why = f"{why}; the answer was cut off"
    return {**row, "status": read.status, "value": read.value, "number": read.number, "why": why}


def _record(
    backend: LanguageBackend,
    sampled: Sampled,
    utterances: pl.DataFrame,
    judging: Judging,
    config: Mapping[str, Any],
    command: str,
) -> RunRecord:
    rubric = judging.rubric
    wordings = json.dumps([repr(each) for each in rubric.wordings])
    told: dict[str, Any] = json.loads(json.dumps(dict(backend.describe()), default=str))
    asked = set(sampled.items.get_column("utterance_id"))
    shown = utterances.filter(pl.col("utterance_id").is_in(list(asked))).sort("utterance_id")
    seen = [name for name in ("utterance_id", "transcript") if name in shown.columns]
    return RunRecord(
        verb=JUDGE,
        config={
            **config,
            "judge": backend.name,
            "rubric": rubric.title,
            "modality": judging.modality,
            "temperature": judging.temperature,
            "decoding": asdict(judging.decoding),
            "seed": judging.seed,
        },
        command=command,
        versions=package_versions(),
        git_revision=git_revision(),
        inputs={
            "items": hash_frame(sampled.items),
            "utterances": hash_frame(shown.select(seen)),
            "rubric": hashlib.sha256(wordings.encode()).hexdigest(),
        },
        seeds={"root": judging.seed},
        host=machine(),
        started=now(),
        generation={backend.name: told},
        left_out=dict(sampled.left_out),
    )
