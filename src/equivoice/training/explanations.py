"""What a student is to say beside the label: what is heard, and a teacher's reason.

Reasons are read for the training part alone. Where one belongs to an utterance of the test
part, or of the corpus's own validation part, nothing is learnt: its teacher was told a
label that the student is to be measured by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.prompting.explained import has_target_tags
from equivoice.rationales.filtering import KEPT
from equivoice.rationales.refiltering import read_rationales
from equivoice.store.provenance import hash_frame
from equivoice.training.settings import DataSettings

__all__ = ["Explanation", "Reasons", "read_reasons", "told"]

_ORDER = ("teacher", "prompt", "temperature", "seed")


@dataclass(frozen=True)
class Explanation:
    """What an answer says beside the label.

    Args:
        transcript: what is said in the utterance; ``None`` where it is not known.
        reason: a teacher's; ``None`` where there is none, as for the validation part.
    """

    transcript: str | None
    reason: str | None


@dataclass(frozen=True)
class Reasons:
    """The reasons that were kept.

    Args:
        reasons: from an utterance to its reason.
        emotions: from an utterance to the label that the reason explains.
        further: how many utterances have more than one, of which the first is taken.
        digest: SHA-256 of the table.
    """

    reasons: Mapping[str, str]
    emotions: Mapping[str, str]
    further: int
    digest: str

    def explained(self, train: pl.DataFrame, *, leave: Callable[[str, int], None]) -> pl.DataFrame:
        """The training utterances with a reason for the label that they have.

        Args:
            train: with ``utterance_id`` and ``emotion``.
            leave: told why how many are left out.
        """
        kept = train.filter(pl.col("utterance_id").is_in(list(self.reasons)))
        leave("train utterance without a reason", train.height - kept.height)
        right = [
            self.emotions[name] == emotion
            for name, emotion in kept.select("utterance_id", "emotion").iter_rows()
        ]
        same = kept.filter(pl.Series(right, dtype=pl.Boolean))
        leave("train utterance whose reason explains another label", kept.height - same.height)
        return same

    def notes(self, table: pl.DataFrame) -> list[str]:
        """What a reader must know, as sentences.

        Args:
            table: what is trained and validated on, with ``split`` and ``transcript``.
        """
        said = []
        if self.further:
            said.append(
                f"{self.further} utterances have several reasons that were kept: of each the "
                "first is learnt, by teacher, prompt, temperature and seed."
            )
        train = table.filter(split="train")
        mute = train.height - _spoken(train).height
        if mute:
            said.append(
                f"{mute} training utterances have no transcript: their answers begin with the "
                "label or the reason."
            )
        return said


def _spoken(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("transcript").fill_null("").str.strip_chars() != "")


def read_reasons(
    settings: DataSettings, corpora: Mapping[str, Corpus], folds: Mapping[str, str]
) -> Reasons | None:
    """The reasons that settings name; ``None`` where answers are labels alone.

    Args:
        settings: of the data.
        corpora: by name, with folds.
        folds: from each corpus to the fold that is trained on.

    Raises:
        ConfigError: no table is named.
        InputError: the table cannot be read.
        CorpusError: a reason belongs to an utterance of a test or validation part, no
            reason was kept, or one holds a tag of the target.
    """
    if settings.targets != "rationales":
        return None
    if settings.rationales is None:
        raise ConfigError(
            "whose reasons are to be learnt?",
            value="data.targets=rationales",
            hint="data.rationales=FOLDER, which 'equivoice rationales generate' made",
        )
    table = read_rationales(settings.rationales)
    for name, corpus in corpora.items():
        _refuse_held(table, corpus, folds[name], settings.rationales)
    kept = table.filter(status=KEPT).drop_nulls("reason").sort("utterance_id", *_ORDER)
    if kept.is_empty():
        raise CorpusError("no reason was kept", file=settings.rationales)
    first = kept.unique("utterance_id", keep="first", maintain_order=True)
    tagged = [name for name, text in _texts(first).items() if has_target_tags(text)]
    if tagged:
        raise CorpusError(
            "a reason holds a tag of the target",
            file=settings.rationales,
            value=tagged[0],
            hint="filter the rationales again, with holds_tags among the filters",
        )
    return Reasons(
        _texts(first),
        dict(first.select("utterance_id", "emotion").iter_rows()),
        first.height - kept.unique("utterance_id", keep="none").height,
        hash_frame(table),
    )


def _texts(table: pl.DataFrame) -> dict[str, str]:
    return dict(table.select("utterance_id", "reason").iter_rows())


def _refuse_held(table: pl.DataFrame, corpus: Corpus, fold: str, place: str) -> None:
    held = corpus.folds.filter(pl.col("fold") == fold, pl.col("split") != "train")
    found = held.join(table.select("utterance_id").unique(), on="utterance_id", how="semi")
    if found.is_empty():
        return
    first = found.sort("split", "utterance_id").row(0, named=True)
    raise CorpusError(
        f"a teacher was told the label of an utterance of the {first['split']} part of fold "
        f"{fold} of {corpus.name}",
        file=place,
        value=first["utterance_id"],
        hint="generate rationales of the training part of this very fold",
    )


def told(row: Mapping[str, Any], reasons: Reasons) -> Explanation:
    """What the answer to an utterance says beside the label.

    Args:
        row: of an utterances table, with ``split``.
        reasons: of the training part.

    Raises:
        CorpusError: the transcript holds a tag of the target.
    """
    name, transcript = row["utterance_id"], (row["transcript"] or "").strip()
    if has_target_tags(transcript):
        raise CorpusError("a transcript holds a tag of the target", value=name)
    reason = reasons.reasons.get(name) if row["split"] == "train" else None
    return Explanation(transcript or None, reason)
