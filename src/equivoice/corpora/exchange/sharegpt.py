"""Prompts, sound and answers as sharegpt, for LLaMA-Factory and ms-swift.

A folder is written::

    NAME.jsonl           one conversation a line: messages, audios, utterance_id
    dataset_info.json    what LLaMA-Factory needs to know of it
    audio/KEY.wav        the utterances, cut out, 16 kHz mono

With a fold, there are ``NAME_train.jsonl``, ``NAME_validation.jsonl`` and
``NAME_test.jsonl``. The place of the sound in a text is the mark ``<audio>``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.audio import decode
from equivoice.audio.encode import encode
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.exchange.answers import json_lines
from equivoice.errors import AudioError, ConfigError, InputError, StorageError
from equivoice.prompting import AUDIO, Options, Prompt, Turn, load_prompt
from equivoice.records import SPLITS, replace_file

__all__ = ["Conversation", "Exported", "export_sharegpt", "read_sharegpt"]

_MARK = "<audio>"
# What the readers of this format replace by media, wherever it stands.
_MARKS = re.compile(r"<(audio|image|video)>")
_RATE = 16_000
_INFO = "dataset_info.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Conversation:
    """One line of an export.

    Args:
        utterance_id: the utterance.
        messages: (role, content) pairs; the last is the reference answer.
        audios: paths of sound, relative to the folder.
    """

    utterance_id: str
    messages: tuple[tuple[str, str], ...]
    audios: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Args:
        folder: where.
        files: from the name of a data set to its number of conversations.
        left_out: how many utterances were left out, by reason.
    """

    folder: Path
    files: Mapping[str, int]
    left_out: Mapping[str, int]


@dataclass
class _Task:
    """What is the same for all conversations of an export."""

    prompt: Prompt
    options: Options
    family: str
    modality: str
    folder: Path
    taken: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


def export_sharegpt(
    corpus: Corpus,
    folder: str | Path,
    *,
    prompt: str | Path = "user_labels",
    family: str = "general",
    modality: str = "speech",
    label_order: str = "given",
    fold: str | None = None,
    limit: int | None = None,
) -> Exported:
    """Write a corpus as conversations.

    Args:
        corpus: loaded, so that its sound is found.
        folder: where to; made where it does not exist.
        prompt: the name of a prompt, or a file.
        family: whose wording of it.
        modality: ``speech``, ``speech+transcript`` or ``transcript``.
        label_order: in which the options are displayed.
        fold: write the three splits of this fold apart.
        limit: at most so many utterances.

    Returns:
        the folder, the data sets with their sizes, and what was left out.

    Raises:
        ConfigError: no such prompt, wording, order or fold.
        InputError: nothing could be written, or the corpus has no sound.
        StorageError: the folder cannot be written.
    """
    wording = load_prompt(prompt)
    options = wording.options(corpus.label_space, order=label_order)
    task = _Task(wording, options, family, modality, Path(folder))
    name = _safe(corpus.name)
    rows = corpus.utterances if limit is None else corpus.utterances.head(limit)
    try:
        (task.folder / "audio").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    by_id = {one.utterance_id: one for one in _conversations(rows, task)}
    if not by_id:
        reasons = ", ".join(f"{reason} ({n})" for reason, n in task.left_out.items())
        raise InputError("no utterance could be exported", value=reasons or None)
    files: dict[str, int] = {}
    for split, members in _splits(corpus, fold, list(by_id)).items():
        data_set = f"{name}_{split}" if split else name
        _write_lines(task.folder / f"{data_set}.jsonl", [by_id[one] for one in members])
        files[data_set] = len(members)
    _write_info(task.folder / _INFO, files, with_sound=modality != "transcript")
    return Exported(task.folder, files, dict(task.left_out))


def read_sharegpt(path: str | Path) -> list[Conversation]:
    """The conversations of an exported file.

    Raises:
        InputError: the file cannot be read, or a line is none of ours.
    """
    path = Path(path)
    return [_read(row, path, number) for number, row in json_lines(path)]


def _read(row: Mapping[str, Any], path: Path, number: int) -> Conversation:
    try:
        messages = tuple((str(one["role"]), str(one["content"])) for one in row["messages"])
        audios = tuple(str(one) for one in row.get("audios", ()))
        return Conversation(str(row["utterance_id"]), messages, audios)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"not a conversation of an export: {error}", file=path, row=number
        ) from None


# ------------------------------------------------------------------ conversations


def _conversations(rows: pl.DataFrame, task: _Task) -> Iterator[Conversation]:
    shown = dict(zip(task.options.labels, task.options.shown, strict=True))
    for row in rows.iter_rows(named=True):
        label = row.get("emotion")
        if label is None:
            task.left_out["without a reference label"] += 1
        elif task.modality != "speech" and row.get("transcript") is None:
            task.left_out["without a transcript"] += 1
        else:
            yield from _conversation(row, shown[label], task)


def _conversation(row: Mapping[str, Any], answer: str, task: _Task) -> Iterator[Conversation]:
    turns = task.prompt.render(
        task.options,
        family=task.family,
        modality=task.modality,
        transcript=row.get("transcript"),
    )
    if any(_MARKS.search(turn.text) for turn in turns):
        task.left_out["its text holds a mark such as <audio>"] += 1
        return
    number = sum(part is AUDIO for turn in turns for part in turn.parts)
    audio = _sound(row, task) if number else None
    if number and audio is None:
        return
    messages = [*((turn.role, _content(turn)) for turn in turns), ("assistant", answer)]
    audios = () if audio is None else (audio,) * number
    yield Conversation(str(row["utterance_id"]), tuple(messages), audios)


def _content(turn: Turn) -> str:
    return "".join(part if isinstance(part, str) else _MARK for part in turn.parts)


def _sound(row: Mapping[str, Any], task: _Task) -> str | None:
    """Cut the utterance's sound into the folder; its path there."""
    if row.get("audio") is None:
        task.left_out["without sound"] += 1
        return None
    try:
        samples = decode(row["audio"], start=row.get("start"), end=row.get("end"), rate=_RATE)
    except AudioError:
        task.left_out["its sound cannot be used ('corpora check' says why)"] += 1
        return None
    name = f"audio/{_file_name(str(row['utterance_id']), task.taken)}.wav"
    data = encode(samples, _RATE)

    def write(target: Path) -> None:
        target.write_bytes(data)

    replace_file(task.folder / name, write)
    return name


def _file_name(utterance: str, taken: set[str]) -> str:
    """A name below the folder, whatever the id is; ids that differ have names that do."""
    key = utterance.partition("/")[2] or utterance
    name = _safe(key)
    if name != key or name.casefold() in taken:
        name = f"{name[:80]}-{hashlib.sha256(utterance.encode()).hexdigest()[:10]}"
    taken.add(name.casefold())  # some file systems do not tell cases apart
    return name


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text).strip("._-")[:120] or "unnamed"


# ------------------------------------------------------------------ files


def _splits(corpus: Corpus, fold: str | None, ids: Sequence[str]) -> dict[str, list[str]]:
    if fold is None:
        return {"": list(ids)}
    if fold not in corpus.fold_names:
        raise ConfigError(
            "the corpus has no such fold", column="fold", value=fold, choices=corpus.fold_names
        )
    rows = corpus.folds.filter(pl.col("fold") == fold)
    split_of = dict(rows.select("utterance_id", "split").iter_rows())
    found = {split: [one for one in ids if split_of.get(one) == split] for split in SPLITS}
    return {split: members for split, members in found.items() if members}


def _write_lines(path: Path, conversations: Sequence[Conversation]) -> None:
    lines = [
        json.dumps(
            {
                "messages": [{"role": role, "content": text} for role, text in one.messages],
                **({"audios": list(one.audios)} if one.audios else {}),
                "utterance_id": one.utterance_id,
            },
            ensure_ascii=False,
        )
        for one in conversations
    ]
    _write(path, "".join(f"{line}\n" for line in lines))


def _write_info(path: Path, names: Mapping[str, int], *, with_sound: bool) -> None:
    """Add our data sets to LLaMA-Factory's list, which may hold others."""
    info = _known(path)
    columns = {"messages": "messages"} | ({"audios": "audios"} if with_sound else {})
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    }
    for name in names:
        info[name] = {
            "file_name": f"{name}.jsonl",
            "formatting": "sharegpt",
            "columns": columns,
            "tags": tags,
        }
    _write(path, json.dumps(info, indent=2, ensure_ascii=False) + "\n")


def _known(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "the list of data sets that stands there cannot be read",
            file=path,
            hint="mend or remove it, or give another folder",
        ) from error
    if not isinstance(known, dict):
        raise InputError("the list of data sets that stands there is no object", file=path)
    return known


def _write(path: Path, text: str) -> None:
    def write(target: Path) -> None:
        target.write_text(text, "utf-8")

    replace_file(path, write)
