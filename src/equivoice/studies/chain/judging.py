"""The student's reasons judged against others for the same label: a floor and a ceiling.

*Another's*: the same student's reasons, each given to another utterance with the same
predicted label. Whoever wins half of these pairs says nothing about the recording at hand.
*The listener's*: what the scripted teacher writes of the test utterances from measurements,
without slips. Nobody who is judged by measurements can do better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equivoice.inference.seeds import seed_for
from equivoice.models import Decoding
from equivoice.rating.analysis import Uncertainty
from equivoice.rating.analysis.judged import judged_estimates
from equivoice.rating.judge import Judging, judge
from equivoice.rating.rubrics import load_rubric
from equivoice.rating.sampling import sample_pairs
from equivoice.rationales.grounding import Ground
from equivoice.store.judging_folder import JudgingFolder
from equivoice.studies.chain.judge import GroundingJudge
from equivoice.studies.chain.settings import ChainSettings
from equivoice.studies.chain.teacher import teacher_texts

__all__ = ["LISTENER", "OTHERS", "STUDENT", "Court", "Judged", "exchanged_reasons", "judge_reasons"]

STUDENT = "the student"
OTHERS = "its reasons for other utterances"
LISTENER = "the scripted listener"

_RUBRIC = "pairwise"
_MODALITY = "transcript"


@dataclass(frozen=True)
class Judged:
    """What the judge said of one pair of systems.

    Args:
        against: the opponent.
        folder: the judging; ``None`` where there was no pair to judge.
        estimates: win rates and what else moved the judge; empty without a pair.
        left_out: utterances that were not judged, by reason.
    """

    against: str
    folder: Path | None
    estimates: pl.DataFrame
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Court:
    """Before whom reasons are compared.

    Args:
        utterances: of the corpus.
        ground: what claims are held against.
        out: judgings go to ``out/judged-…``.
        settings: of the chain.
        command: the command line as typed, for the records.
    """

    utterances: pl.DataFrame
    ground: Ground
    out: Path
    settings: ChainSettings
    command: str = ""


def exchanged_reasons(reasons: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Each utterance with the reason given for another one of the same predicted label.

    Within a label the utterances stand in a circle, in an order drawn by lot, and each has
    the reason of the next; a label with one utterance has no other and is left out.

    Args:
        reasons: ``utterance_id``, ``emotion``, ``reason``.
        seed: of the order.

    Example:
        >>> rows = {"utterance_id": ["a", "b", "c"], "emotion": ["sad", "sad", "angry"],
        ...         "reason": ["of a", "of b", "of c"]}
        >>> exchanged_reasons(pl.DataFrame(rows), seed=0).sort("utterance_id")["reason"].to_list()
        ['of b', 'of a']
    """
    parts = []
    for part in reasons.drop_nulls("emotion").partition_by("emotion", maintain_order=True):
        names = part.get_column("utterance_id").to_list()
        order = sorted(range(len(names)), key=lambda at: seed_for(seed, "exchange", names[at]))
        circle = part[order]
        following = circle["reason"].gather([*range(1, len(order)), 0])
        if len(order) > 1:
            parts.append(circle.with_columns(following.alias("reason")))
    return pl.concat(parts) if parts else reasons.clear()


def judge_reasons(reasons: pl.DataFrame, court: Court) -> list[Judged]:
    """Let the scripted judge compare a student's reasons with either opponent's.

    What is judged is not judged again.

    Args:
        reasons: of the student: ``utterance_id``, ``emotion``, ``reason``.
        court: before whom.
    """
    asked = court.utterances.join(reasons, on="utterance_id", how="semi")
    heard = teacher_texts(asked, court.ground, seed=court.settings.seed)
    named = heard.select("utterance_id", reason="text").drop_nulls("reason")
    opponents = {
        "others": (OTHERS, exchanged_reasons(reasons, court.settings.seed)),
        "listener": (LISTENER, reasons.drop("reason").join(named, on="utterance_id")),
    }
    return [_judged(key, *opponent, reasons, court) for key, opponent in opponents.items()]


def _judged(key: str, name: str, theirs: pl.DataFrame, ours: pl.DataFrame, court: Court) -> Judged:
    settings = court.settings
    both = ours.drop_nulls("emotion").join(theirs, on="utterance_id", how="semi")
    if both.is_empty():
        lost = {"no pair of reasons for the same label": ours.height}
        return Judged(name, None, pl.DataFrame(), lost)
    sampled = sample_pairs(
        {STUDENT: ours, name: theirs}, per_emotion=settings.per_emotion, seed=settings.seed
    )
    rubric = load_rubric(_RUBRIC)
    judging = Judging(rubric, _MODALITY, decoding=Decoding(), batch_size=32, seed=settings.seed)
    with JudgingFolder.open(court.out / f"judged-{key}") as folder:
        judge(
            GroundingJudge(ground=court.ground),
            sampled,
            court.utterances,
            judging,
            folder,
            config={"systems": [STUDENT, name], "per_emotion": settings.per_emotion},
            command=court.command,
        )
        estimates = judged_estimates(
            rubric,
            votes=folder.table("votes"),
            items=folder.table("items"),
            groups=folder.table("groups"),
            judgments=folder.judgments(),
            systems=[STUDENT, name],
            uncertainty=Uncertainty(settings.level, settings.replicates, settings.seed),
        )
        folder.write("estimates", estimates)
    return Judged(name, folder.path, estimates, sampled.left_out)
