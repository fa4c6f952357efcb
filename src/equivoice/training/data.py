"""What is learnt from, and what choices are made on: the parts of corpora, as items.

No utterance of a fold's test part is among them: only the names of its speakers are noted,
so that the run record can show who was trained on, chosen on and left for the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.corpora.limiting import limited
from equivoice.errors import AudioError, ConfigError, CorpusError, LabelError
from equivoice.fairness import CROSSING, group_items
from equivoice.inference.default_folds import FOLD_SEED, with_default_folds
from equivoice.inference.lengths import lengths_of
from equivoice.inference.seeds import seed_for
from equivoice.models import Clip
from equivoice.records import UTTERANCES, Label, LabelSpace
from equivoice.training.effective_batches import Item
from equivoice.training.explanations import Explanation, Reasons, read_reasons, told
from equivoice.training.settings import DataSettings, TrainingSettings, fold_of
from equivoice.training.voted_targets import VotedTargets, voted_targets

__all__ = ["Example", "TrainingData", "gather_data"]

_PARTS = ("train", "validation")


@dataclass(frozen=True)
class Example:
    """An utterance as it is put to the model in one modality.

    Args:
        item: what batches are made from: cell, group, label, length.
        corpus: the corpus it is of.
        modality: what of it the model is given.
        clip: its sound; ``None`` where only the transcript is given.
        transcript: what is said; ``None`` where only the sound is given.
        target: what is learnt where that is no single label: the share of each of the
            labels of all corpora (:attr:`TrainingData.labels`); sums to 1.
        explanation: what is learnt beside the label, where answers say more than one.
    """

    item: Item
    corpus: str
    modality: str
    clip: Clip | None
    transcript: str | None
    target: tuple[float, ...] | None = None
    explanation: Explanation | None = None

    @property
    def name(self) -> str:
        """The utterance and its modality, for seeds by hash."""
        return f"{self.item.utterance_id} {self.modality}"


@dataclass(frozen=True)
class TrainingData:
    """The data of a training.

    Args:
        train: the examples that are learnt from.
        validation: those that choices are made on.
        spaces: from each corpus to the labels that it is asked with.
        labels: all of these labels together.
        groups: the names of the groups.
        folds: from each corpus to the fold.
        utterances: those of train and validation, with ``split``, ``cell`` and ``group``.
        test_speakers: who is left for the test, by corpus.
        left_out: how many utterances were left out, by reason.
        notes: what a reader must know, as sentences.
        corpora: by name, with the folds that were made here.
        reasons: SHA-256 of the table of reasons; ``None`` where answers are labels alone.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    spaces: Mapping[str, LabelSpace]
    labels: LabelSpace
    groups: tuple[str, ...]
    folds: Mapping[str, str]
    utterances: pl.DataFrame
    test_speakers: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    corpora: Mapping[str, Corpus] = field(repr=False)
    reasons: str | None = None

    def counts(self, part: str) -> dict[str, int]:
        """How many items of ``train`` or ``validation`` each label has; ties count for none."""
        examples = self.train if part == "train" else self.validation
        found = dict.fromkeys(self.labels.names, 0)
        for example in examples:
            if example.item.label is not None:
                found[example.item.label] += 1
        return {label: number for label, number in found.items() if number}

    def speakers(self, part: str) -> list[str]:
        """The speakers of ``train`` or ``validation``, in alphabetical order."""
        own = self.utterances.filter(split=part).get_column("speaker").drop_nulls()
        return sorted(map(str, own.unique()))


@dataclass
class _Tally:
    """What is left out on the way, and what is to be said of it."""

    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave(self, reason: str, number: int) -> None:
        if number:
            self.left_out[reason] = self.left_out.get(reason, 0) + number


def gather_data(settings: TrainingSettings, corpora: Mapping[str, Corpus]) -> TrainingData:
    """The data that settings ask for, or an error that names what cannot be.

    Args:
        settings: of the training.
        corpora: by name. One without folds is given five that keep speakers apart: those
            that ``benchmark`` makes by default.

    Raises:
        ConfigError: no such fold, labels or grouping.
        CorpusError: a part is empty, a cell is not known, transcripts are missing.
        LabelError: an utterance has a label that is not in its corpus's space.
        AudioError: a sound file is not there.
    """
    tally = _Tally()
    _check_folds(settings, corpora)
    with_folds = {name: _with_folds(corpus, tally) for name, corpus in corpora.items()}
    folds = {name: _fold(settings, corpus) for name, corpus in with_folds.items()}
    spaces = _spaces(settings, with_folds)
    voted = _voted(settings, with_folds, spaces)
    reasons = read_reasons(settings.data, with_folds, folds)
    parts = [
        _part_of(settings, corpus, folds[name], spaces[name], tally, voted.get(name), reasons)
        for name, corpus in with_folds.items()
    ]
    table = pl.concat(parts, how="diagonal_relaxed")
    tally.notes += [] if reasons is None else reasons.notes(table)
    grouping = group_items(table, settings.groups.attribute)
    names = [None if code < 0 else grouping.groups[code] for code in grouping.codes.tolist()]
    table = table.with_columns(
        pl.Series("group", names, dtype=pl.String),
        pl.Series("cell", _cells(table, settings.cell_by), dtype=pl.String),
    )
    if grouping.unknown:
        tally.notes.append(
            f"{grouping.unknown} utterances have no {settings.groups.attribute}: they are "
            "learnt from and take no part in gaps."
        )
    union = _union(list(spaces.values()))
    examples = _examples(settings, table, tally, _over(union, spaces, voted), reasons)
    for part in _PARTS:
        if not examples[part]:
            raise CorpusError(f"no utterance is left in the {part} part")
    return TrainingData(
        tuple(examples["train"]),
        tuple(examples["validation"]),
        spaces,
        union,
        grouping.groups,
        folds,
        table,
        {name: _tested(corpus, folds[name]) for name, corpus in with_folds.items()},
        tally.left_out,
        tuple(tally.notes),
        with_folds,
        None if reasons is None else reasons.digest,
    )


# ------------------------------------------------------------------ folds and parts


def _with_folds(corpus: Corpus, tally: _Tally) -> Corpus:
    found, number = with_default_folds(corpus)
    if number:
        tally.notes.append(
            f"{corpus.name} has no folds of its own: {number} were made, which keep speakers "
            f"apart; they are those of benchmark with seed {FOLD_SEED}."
        )
    return found


def _fold(settings: TrainingSettings, corpus: Corpus) -> str:
    fold = fold_of(settings, corpus.name, corpus.fold_names)
    if fold is None:
        raise ConfigError(
            f"{corpus.name} has several folds: which one's training part is to be learnt from?",
            choices=corpus.fold_names,
            hint=f"--fold {corpus.fold_names[0]}, or fold.{corpus.name}={corpus.fold_names[0]}",
        )
    if fold not in corpus.fold_names:
        raise ConfigError(f"{corpus.name} has no such fold", value=fold, choices=corpus.fold_names)
    return fold


def _check_folds(settings: TrainingSettings, corpora: Mapping[str, Corpus]) -> None:
    foreign = (
        sorted(set(settings.fold) - set(corpora)) if isinstance(settings.fold, Mapping) else []
    )
    if foreign:
        raise ConfigError(
            "a fold for a corpus that is not trained on", value=foreign[0], choices=corpora
        )


def _part_of(
    settings: TrainingSettings,
    corpus: Corpus,
    fold: str,
    space: LabelSpace,
    tally: _Tally,
    voted: VotedTargets | None,
    reasons: Reasons | None,
) -> pl.DataFrame:
    """The train and validation utterances of a corpus, labelled, within the limit."""
    seed = seed_for(settings.seed, "validation", corpus.name)
    share = settings.data.validation_share
    parts = split(corpus, fold, make_validation=True, seed=seed, share=share)
    if parts.validation is None:
        raise CorpusError(f"fold {fold} of {corpus.name} has no validation part")
    if parts.validation_made:
        tally.notes.append(
            f"{corpus.name} has no validation part of its own: speakers were taken out of the "
            f"training part of fold {fold}."
        )
    found = []
    for part, table in zip(_PARTS, (parts.train, parts.validation), strict=True):
        if voted is None:
            own = _labelled(table, corpus, space, part, tally)
        else:
            own = _by_votes(table, corpus, space, part, tally, voted, settings.data)
        if reasons is not None and part == "train":
            own = reasons.explained(
                own, leave=lambda why, n: tally.leave(f"{corpus.name}: {why}", n)
            )
        kept = limited(own, settings.data.limit, seed=settings.seed)
        tally.leave(f"{corpus.name}: {part} utterance beyond the limit", own.height - kept.height)
        found.append(kept.with_columns(corpus=pl.lit(corpus.name), split=pl.lit(part)))
    return UTTERANCES.validate(pl.concat(found))


def _labelled(
    table: pl.DataFrame, corpus: Corpus, space: LabelSpace, part: str, tally: _Tally
) -> pl.DataFrame:
    known = table.filter(pl.col("emotion").is_not_null())
    tally.leave(f"{corpus.name}: {part} utterance without label", table.height - known.height)
    foreign = known.filter(~pl.col("emotion").is_in(list(corpus.label_space.names)))
    if not foreign.is_empty():
        first = foreign.row(0, named=True)
        raise LabelError(
            f"the label of {first['utterance_id']} is not in the label space "
            f"{corpus.label_space.id!r}",
            value=first["emotion"],
            choices=corpus.label_space.names,
        )
    kept = known.filter(pl.col("emotion").is_in(list(space.names)))
    tally.leave(f"{corpus.name}: {part} utterance of another label", known.height - kept.height)
    return kept


def _by_votes(
    table: pl.DataFrame,
    corpus: Corpus,
    space: LabelSpace,
    part: str,
    tally: _Tally,
    voted: VotedTargets,
    settings: DataSettings,
) -> pl.DataFrame:
    """The utterances with a target by the votes, whose label stands in ``emotion``.

    Where the part is not filtered, the others keep the label of the corpus.
    """
    kept = table.filter(pl.col("utterance_id").is_in(list(voted.labels)))
    names = kept.get_column("utterance_id").to_list()
    labels = pl.Series("emotion", [voted.labels[name] for name in names], dtype=pl.String)
    kept = kept.with_columns(labels)
    rest = table.filter(pl.col("utterance_id").is_in(list(voted.why)))
    if part not in settings.filter_splits:
        return pl.concat([kept, _labelled(rest, corpus, space, part, tally)])
    reasons = [voted.why[name] for name in rest.get_column("utterance_id")]
    for reason in dict.fromkeys(reasons):
        said = f"{corpus.name}: {part} utterance without target by {settings.rule}: {reason}"
        tally.leave(said, reasons.count(reason))
    return kept


def _voted(
    settings: TrainingSettings, corpora: Mapping[str, Corpus], spaces: Mapping[str, LabelSpace]
) -> dict[str, VotedTargets]:
    if settings.data.targets != "votes":
        return {}
    return {
        name: voted_targets(corpus, spaces[name], settings.data) for name, corpus in corpora.items()
    }


def _over(
    labels: LabelSpace, spaces: Mapping[str, LabelSpace], voted: Mapping[str, VotedTargets]
) -> dict[str, tuple[float, ...]]:
    """The shares of each utterance, over the labels of all corpora."""
    found = {}
    for corpus, targets in voted.items():
        for name, shares in targets.shares.items():
            own = dict(zip(spaces[corpus].names, shares, strict=True))
            found[name] = tuple(own.get(label, 0.0) for label in labels.names)
    return found


def _tested(corpus: Corpus, fold: str) -> tuple[str, ...]:
    ids = corpus.folds.filter(fold=fold, split="test").select("utterance_id")
    held = corpus.utterances.join(ids, on="utterance_id", how="semi")
    if "speaker" not in held.columns:
        return ()
    return tuple(sorted(map(str, held.get_column("speaker").drop_nulls().unique())))


# --------------------------------------------------------------------------- labels


def _spaces(settings: TrainingSettings, corpora: Mapping[str, Corpus]) -> dict[str, LabelSpace]:
    wanted = settings.data.labels
    own = {name: corpus.label_space for name, corpus in corpora.items()}
    if wanted == "own":
        return own
    if wanted == "shared":
        first = next(iter(own.values())).names
        kept = [label for label in first if all(label in each.names for each in own.values())]
        if len(kept) < 2:
            raise ConfigError(
                "the corpora share too few labels to tell apart",
                value=", ".join(kept) or "none",
                hint="data.labels=own, or prepare them with other labels",
            )
        return {name: space.restrict(kept) for name, space in own.items()}
    for name, space in own.items():
        missing = [label for label in wanted if label not in space.names]
        if missing:
            raise LabelError(
                f"a label of data.labels is not in the label space of {name}",
                value=missing[0],
                choices=space.names,
            )
    return {name: space.restrict(wanted) for name, space in own.items()}


def _union(spaces: Sequence[LabelSpace]) -> LabelSpace:
    names = dict.fromkeys(label.name for space in spaces for label in space.labels)
    return LabelSpace("+".join(dict.fromkeys(s.id for s in spaces)), tuple(map(Label, names)))


# ---------------------------------------------------------------------------- items


def _cells(table: pl.DataFrame, parts: Sequence[str]) -> list[str]:
    """The cell of each utterance, its modality apart."""
    columns = [part for part in parts if part != "modality"]
    for column in columns:
        unknown = table.filter(pl.col(column).is_null())
        if not unknown.is_empty():
            first = unknown.row(0, named=True)
            raise CorpusError(
                f"the {column} of {first['utterance_id']} is not known, and gaps are taken "
                f"within each {column}",
                column=column,
                hint="fill the column, or groups.cell=corpus",
            )
    if not columns:
        return [""] * table.height
    return table.select(pl.concat_str(columns, separator=CROSSING)).to_series().to_list()


def _examples(
    settings: TrainingSettings,
    table: pl.DataFrame,
    tally: _Tally,
    targets: Mapping[str, tuple[float, ...]],
    reasons: Reasons | None,
) -> dict[str, list[Example]]:
    """The examples of each part, in the order of modality and utterance."""
    found: dict[str, list[Example]] = {part: [] for part in _PARTS}
    for modality in settings.data.modalities:
        usable = _usable(table, modality, tally)
        lengths = lengths_of(usable, modality)
        for row in usable.sort("utterance_id").iter_rows(named=True):
            name = row["utterance_id"]
            cell = row["cell"]
            if "modality" in settings.cell_by:
                cell = f"{cell}{CROSSING}{modality}" if cell else modality
            item = Item(name, cell, row["group"], row["emotion"], lengths[name])
            heard = modality != "transcript"
            clip = Clip(row["audio"], row["start"], row["end"]) if heard else None
            transcript = None if modality == "speech" else row["transcript"]
            more = None if reasons is None else told(row, reasons)
            example = Example(
                item, row["corpus"], modality, clip, transcript, targets.get(name), more
            )
            found[row["split"]].append(example)
    return found


def _usable(table: pl.DataFrame, modality: str, tally: _Tally) -> pl.DataFrame:
    """The utterances that can be put to a model in a modality.

    Raises:
        CorpusError: of a corpus, none has a transcript.
        AudioError: a sound is not named, or its file is not there.
    """
    if modality != "transcript":
        _check_sounds(table)
    if modality == "speech":
        return table
    silent = pl.col("transcript").is_null() | (pl.col("transcript").str.strip_chars() == "")
    for (corpus,), own in table.group_by("corpus", maintain_order=True):
        without = own.filter(silent)
        for part in _PARTS:
            if not own.filter(~silent & (pl.col("split") == part)).is_empty():
                continue
            raise CorpusError(
                f"no {part} utterance of {corpus} has a transcript, and the modality "
                f"{modality} needs one",
                column="transcript",
                hint="add transcripts to the corpus, or data.modalities=speech",
            )
        tally.leave(f"{corpus}: utterance without transcript ({modality})", without.height)
    return table.filter(~silent)


def _check_sounds(table: pl.DataFrame) -> None:
    mute = table.filter(pl.col("audio").is_null())
    if not mute.is_empty():
        name = mute.get_column("utterance_id")[0]
        raise AudioError("the utterance has no sound", value=name, column="audio")
    for name, audio in table.select("utterance_id", "audio").iter_rows():
        if not Path(audio).is_file():
            raise AudioError(f"the sound of {name} is not there", file=audio)
