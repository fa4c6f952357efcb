"""From what a corpus publishes to a corpus folder of ours.

The adapter reads tables and names; everything else happens here, once for all:
labels are mapped, sound is found, folds are made where there are none, and what
is left out is counted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.card import Card
from equivoice.corpora.corpus import Corpus, load_corpus, save_corpus
from equivoice.corpora.folds import make_folds, most_folds
from equivoice.corpora.labels import canonical, in_lexicon_order, label_space
from equivoice.corpora.paths import AudioFinder, absolute_audio
from equivoice.corpora.registry import FORMATS, source_of
from equivoice.corpora.source import Draft, Request
from equivoice.errors import AudioError, CorpusError, LabelError
from equivoice.records import FOLDS, UTTERANCES, LabelSpace

__all__ = ["MISSING", "NO_AUDIO", "prepare"]

MISSING = "audio file missing"
NO_AUDIO = "audio not asked for (metadata only)"
_OWN_LABEL = "own_label"


def prepare(
    name: str,
    *,
    out: str | Path,
    audio: str | Path | None = None,
    metadata: str | Path | None = None,
    extra: str | Path | None = None,
    hub: str | None = None,
    corpus: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    table: str | None = None,
    language: str | None = None,
    folds: int | None = None,
    with_audio: bool = True,
    allow_missing: bool = False,
    seed: int = 0,
) -> Corpus:
    """Make a corpus folder that every other verb reads.

    Args:
        name: a corpus (``ravdess``) or a format (``table``, ``audformat``, ``datasets``,
            ``emo_superb``).
        out: the folder to make.
        audio: the folder with the recordings.
        metadata: the folder or file with labels and folds.
        extra: a folder with what the corpus publishes besides (CREMA-D: demographics
            and votes; MELD and EmotionLines: MELD's CSVs).
        hub: a data set on the Hugging Face hub, for the format ``datasets``.
        corpus: the name to give a corpus that comes in a format.
        columns: from our column names to the table's.
        labels: from the corpus's own labels to ours; goes before the card's map.
        table: the table to read where there are several.
        language: BCP 47 tag, where the metadata do not say.
        folds: how many folds to make where the corpus has none; by default up to 5,
            as many as leave each gender in each test part. 0 makes none.
        with_audio: ``False`` prepares the metadata alone.
        allow_missing: leave out utterances whose sound is missing, counted, instead
            of refusing.
        seed: for folds that are made.

    Returns:
        the corpus as :func:`~equivoice.corpora.corpus.load_corpus` reads it.

    Raises:
        CorpusError: unknown name, unreadable or contradictory metadata, missing
            sound (the first is named, all are counted).
        LabelError: the label map does not name a label that occurs.
        StorageError: the folder cannot be written.
    """
    request = Request(
        name=_corpus_name(name, corpus, metadata, hub),
        out=Path(out),
        audio=_folder(audio, "audio"),
        metadata=None if metadata is None else Path(metadata),
        extra=_folder(extra, "extra"),
        hub=hub,
        columns=dict(columns or {}),
        table=table,
        language=language,
    )
    source = source_of(name)
    card = source.card if name not in FORMATS else Card(name=request.name)
    draft = source.draft(request)
    made = _assemble(draft, card, request, dict(labels or {}))
    made = _with_found_audio(made, request, draft, with_audio, allow_missing)
    made = _with_folds(made, folds, seed)
    made = replace(made, provenance=_provenance(name, request, draft, made, seed))
    return load_corpus(save_corpus(made, request.out))


def _corpus_name(name: str, given: str | None, metadata: str | Path | None, hub: str | None) -> str:
    if name not in FORMATS:
        return name
    chosen = given or (hub or "").split("/")[-1] or (Path(metadata).stem if metadata else name)
    if "/" in chosen or not chosen.strip():
        raise CorpusError("a corpus name is a word without '/'", value=chosen)
    return chosen


def _folder(given: str | Path | None, what: str) -> Path | None:
    if given is None:
        return None
    path = Path(given)
    if not path.is_dir():
        raise CorpusError(f"the {what} folder does not exist", file=path, hint="check the path")
    return path


def _assemble(draft: Draft, card: Card, request: Request, labels: dict[str, str]) -> Corpus:
    utterances = draft.utterances
    languages = card.language_tags
    language = request.language or (languages[0] if len(languages) == 1 else None)
    if "language" not in utterances.columns:
        utterances = utterances.with_columns(language=pl.lit(None, dtype=pl.String))
    utterances = utterances.with_columns(
        corpus=pl.lit(request.name), language=pl.col("language").fill_null(pl.lit(language))
    )
    mapping = _mapping(utterances, draft, card, request, labels)
    own = utterances.get_column("emotion")
    emotion = own.replace_strict(mapping, return_dtype=pl.String)
    votes = None if draft.votes is None else _votes_mapped(draft.votes, mapping)
    utterances = utterances.with_columns(emotion)
    if not own.equals(emotion):
        utterances = utterances.with_columns(own.alias(_OWN_LABEL))
    return Corpus(
        name=request.name,
        label_space=_space(emotion, card, draft, mapping, request.name),
        utterances=UTTERANCES.validate(utterances),
        folds=FOLDS.validate(draft.folds),
        votes=votes,
        card=card,
        left_out=dict(draft.left_out),
    )


def _mapping(
    utterances: pl.DataFrame, draft: Draft, card: Card, request: Request, labels: dict[str, str]
) -> dict[str, str]:
    """From each own name of an emotion that occurs to its label.

    The user's map goes before the card's, the card's before the one found beside
    the data; without any map, the lexicon decides.
    """
    beside = {own: canonical(label) for own, label in draft.label_map.items()}
    mapping = (card.label_map or beside) | labels
    own = utterances.get_column("emotion").drop_nulls().unique().sort().to_list()
    if not own:
        raise CorpusError("no utterance has an emotion", file=request.metadata)
    if not mapping or (labels and not (card.label_map or beside)):
        mapping = {name: canonical(name) for name in own} | mapping
    unknown = [name for name in own if name not in mapping]
    if unknown:
        raise LabelError(
            f"{request.name} has a label that its map does not name",
            file=request.metadata,
            column="emotion",
            value=unknown[0],
            choices=mapping,
            hint="map it with --label OWN=LABEL",
        )
    return mapping


def _votes_mapped(votes: pl.DataFrame, mapping: Mapping[str, str]) -> pl.DataFrame:
    """The votes with answers in the corpus's own names as labels; other answers stay."""
    return votes.with_columns(pl.col("value").replace(dict(mapping)))


def _space(
    emotion: pl.Series, card: Card, draft: Draft, mapping: Mapping[str, str], name: str
) -> LabelSpace:
    """The labels that the card declares, that occur, or that votes could be given to."""
    declared = card.label_map.values() if card.label_map else ()
    offered = (
        () if draft.votes is None else [mapping[own] for own in draft.label_map if own in mapping]
    )
    return label_space(in_lexicon_order({*declared, *offered, *emotion.drop_nulls()}), id=name)


def _with_found_audio(
    corpus: Corpus, request: Request, draft: Draft, with_audio: bool, allow_missing: bool
) -> Corpus:
    utterances = corpus.utterances
    if not draft.sound:
        if request.audio is not None:
            raise CorpusError(f"{request.name} is text alone", hint="leave --audio out")
        return corpus
    if not with_audio:
        none = pl.lit(None, dtype=pl.String).alias("audio")
        return _counted(replace(corpus, utterances=utterances.with_columns(none)), NO_AUDIO)
    root = draft.audio_root or request.audio
    if root is None:
        raise CorpusError(
            "the folder with the recordings is needed",
            hint="give it with --audio, or --no-audio to prepare the metadata alone",
        )
    finder = AudioFinder()
    paths = [_found(audio, root, finder, row) for row, audio in _numbered(utterances)]
    here = pl.Series([path is not None and finder.exists(path) for path in paths])
    _check_found(here, paths, root, allow_missing)
    found = utterances.with_columns(
        pl.Series("audio", [None if path is None else str(path) for path in paths], pl.String)
    ).filter(here)
    kept = corpus.folds.join(found.select("utterance_id"), on="utterance_id", how="semi")
    missing = {MISSING: int((~here).sum())} if not here.all() else {}
    return replace(
        corpus,
        utterances=_with_durations(found),
        folds=kept,
        left_out=corpus.left_out | missing,
    )


def _counted(corpus: Corpus, reason: str) -> Corpus:
    return replace(corpus, left_out=corpus.left_out | {reason: corpus.utterances.height})


def _numbered(utterances: pl.DataFrame) -> list[tuple[int, str | None]]:
    return list(enumerate(utterances.get_column("audio").to_list(), start=1))


def _found(audio: str | None, root: Path, finder: AudioFinder, row: int) -> Path | None:
    if audio is None:
        return None
    folder = Path(os.path.normpath(root.absolute()))
    return finder.find(absolute_audio(audio, folder=folder, row=row))


def _check_found(
    here: pl.Series, paths: list[Path | None], root: Path, allow_missing: bool
) -> None:
    if here.all():
        return
    first = paths[int((~here).arg_true()[0])]
    missing = int((~here).sum())
    nothing = missing == len(here)
    if allow_missing and not nothing:
        return
    raise CorpusError(
        f"{missing} of {len(here)} sound files are missing; the first",
        file=root,
        value="(the table names none)" if first is None else str(first),
        hint="check that --audio is the folder that the paths in the metadata start from"
        if nothing
        else "--allow-missing leaves them out and counts them",
    )


def _with_durations(utterances: pl.DataFrame) -> pl.DataFrame:
    """Durations from the files' headers, where the metadata have none at all."""
    if utterances.get_column("duration").null_count() < utterances.height:
        return utterances
    seconds = [_seconds(row) for row in utterances.select("audio", "start", "end").iter_rows()]
    return utterances.with_columns(pl.Series("duration", seconds, dtype=pl.Float64))


def _seconds(row: tuple[str | None, float | None, float | None]) -> float | None:
    from equivoice.audio import probe

    audio, start, end = row
    if audio is None:
        return None
    try:
        whole = probe(audio).duration
    except AudioError:  # the check names it, with the reason
        return None
    return max(0.0, (whole if end is None else end) - (start or 0.0))


def _with_folds(corpus: Corpus, wanted: int | None, seed: int) -> Corpus:
    if corpus.folds.height or wanted == 0:
        return corpus
    speakers = corpus.utterances.get_column("speaker")
    if wanted is None and (speakers.null_count() or speakers.n_unique() < 2):
        return corpus  # nothing keeps speakers apart; the check says so
    number = wanted or most_folds(corpus.utterances)
    return replace(corpus, folds=make_folds(corpus.utterances, n_folds=number, seed=seed))


def _provenance(
    name: str, request: Request, draft: Draft, made: Corpus, seed: int
) -> dict[str, Any]:
    origin = "given" if draft.folds.height else "made" if made.folds.height else "none"
    return {
        "prepared_as": name,
        "equivoice": version("equivoice"),
        "audio": None if request.audio is None else str(request.audio.absolute()),
        "metadata": None if request.metadata is None else str(request.metadata.absolute()),
        "extra": None if request.extra is None else str(request.extra.absolute()),
        "hub": request.hub,
        "read": [str(path.absolute()) for path in draft.read],
        "folds": {"origin": origin, "seed": seed if origin == "made" else None},
        "label_rule": draft.label_rule,
        "choices": {question: list(labels) for question, labels in draft.choices.items()},
        "record": dict(draft.record),
    }
