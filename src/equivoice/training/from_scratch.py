"""A small speech LLM made for a training: from nothing, and from its training part alone.

::

    OUT/model/                 the checkpoint that the training begins with
    OUT/model/from_scratch.json  how it was made: sizes, seed, speakers, what the start came to

Neither a speaker of the validation part nor one of the test part is heard.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.inference.seeds import seed_for
from equivoice.models import Clip
from equivoice.models.small_start import start_from_speech
from equivoice.models.speech_llms.small import make_small_speech_llm
from equivoice.prompting import load_prompt
from equivoice.store.training_folder import TrainingFolder, part_beside, replace_folder
from equivoice.training.data import Example, TrainingData, gather_data
from equivoice.training.lessons import Lessons
from equivoice.training.loop import WriteCard, run_training
from equivoice.training.progress import TrainingProgress
from equivoice.training.recipes import resolve_settings
from equivoice.training.record import MADE
from equivoice.training.settings import TrainingSettings
from equivoice.training.task import TrainingTask, loaded_corpora, place_of, plan_training

__all__ = ["RECIPE", "SIZE", "SYSTEM", "make_base", "plan_from_scratch", "train_from_scratch"]

SYSTEM = "qwen2-audio"
"""The system that the small speech LLM is one of."""

SIZE = "wide"
RECIPE = "small"
_NAME = "small"
_SPEECH = "speech"


def train_from_scratch(
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    out: str | Path,
    recipe: str | Path = RECIPE,
    fold: str | Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: TrainingProgress | None = None,
    command: str = "",
    card: WriteCard | None = None,
    **changes: Any,
) -> TrainingFolder:
    """Make a small speech LLM from the training part of corpora, and train it further.

    Its weights are first set from the training speech in closed form
    (:func:`~equivoice.models.small_start.start_from_speech`); then
    :func:`~equivoice.training.train` goes on by the recipe. Cut off, it goes on when the
    same call is made again.

    Args:
        corpora: prepared corpora: folders, or objects.
        out: the training folder; ``out/model`` is the model, ``out/best`` its adapter.
        recipe: ``small``, or another by name or path.
        fold: whose training part is learnt from; one for all corpora, or one for each.
        overwrite: begin anew, whatever training stands in the folder.
        progress: is told how far the work is.
        command: the command line as typed, for the record.
        card: writes the card of the best checkpoint, from the finished folder.
        changes: what is to be otherwise than in the recipe: ``optimiser={"epochs": 3}``.

    Returns:
        the folder, to read from.

    Raises:
        InputError: what cannot be, named before anything is learnt.
        RunError: the training diverged.
        LockedRunError: another process works on ``out``.
        StorageError: ``out`` cannot be written to, or has no room.
    """
    task = plan_from_scratch(
        corpora, out=out, recipe=recipe, fold=fold, overwrite=overwrite, **changes
    )
    return run_training(
        task, out, overwrite=overwrite, progress=progress, command=command, card=card
    )


def plan_from_scratch(
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    out: str | Path,
    recipe: str | Path = RECIPE,
    fold: str | Mapping[str, str] | None = None,
    overwrite: bool = False,
    set_weights: bool = True,
    **changes: Any,
) -> TrainingTask:
    """Make the model of :func:`train_from_scratch`, and plan its training.

    Args:
        corpora: prepared corpora: folders, or objects.
        out: the training folder; the model is made in it.
        recipe: by name or path.
        fold: whose training part is learnt from.
        overwrite: make the model anew, whatever stands there.
        set_weights: from the training speech, which takes minutes; without, they stay
            random, and the plan is good to look at only.
        changes: what is to be otherwise than in the recipe.

    Raises:
        InputError: what cannot be.
    """
    given = [corpora] if isinstance(corpora, (str, Path, Corpus)) else list(corpora)
    wanted = {name: value for name, value in changes.items() if value is not None}
    settings = resolve_settings(
        recipe,
        wanted,
        system=SYSTEM,
        corpora=tuple(map(place_of, given)),
        options={},
        fold=fold,
    )
    data = gather_data(settings, loaded_corpora(given))
    with TrainingFolder.open(out) as run:
        base = make_base(
            run.model_path, settings, data, overwrite=overwrite, set_weights=set_weights
        )
    return plan_training(
        f"{_NAME}={SYSTEM}",
        corpora,
        recipe=recipe,
        options={"model": str(base.absolute())},
        fold=fold,
        **wanted,
    )


def make_base(
    place: Path,
    settings: TrainingSettings,
    data: TrainingData,
    *,
    overwrite: bool = False,
    set_weights: bool = True,
) -> Path:
    """The model that a training from scratch begins with; made unless it stands there.

    Args:
        place: its folder, made whole or not at all.
        settings: of the training.
        data: whose training part alone is heard.
        overwrite: make it anew.
        set_weights: from the training speech; without, they stay random.

    Raises:
        ConfigError: another model stands there, or several processes would make it.
        CorpusError: nobody is heard, or speakers are not known.
        AudioError: a clip cannot be used.
        StorageError: it cannot be written.
    """
    heard = [example for example in data.train if example.modality == _SPEECH]
    if not heard:
        raise CorpusError(
            "a model from scratch learns from sound, and the training part has none",
            hint="add speech to data.modalities",
        )
    lessons = _lessons(settings, data)
    answers = [lessons.lesson(example, None).answer for example in heard]
    speakers = _speakers(heard, data)
    wanted = _identity(settings, lessons, heard, answers, speakers)
    if settings.data.form is not None:  # whose words the tokenizer knows
        wanted |= {"answers": settings.data.form, "rationales": data.reasons}
    if place.is_dir() and not overwrite:
        _check_same(place, wanted)
        return place
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "a model from scratch is made by one process",
            hint="give the same command without accelerate; it can go on with it",
        )
    part = part_beside(place)
    make_small_speech_llm(
        part,
        labels=list(dict.fromkeys(_options(lessons))),
        texts=_texts(settings, lessons, heard),
        size=SIZE,
        seed=settings.seed,
    )
    said = {**wanted, "train_speakers": sorted(set(speakers))}
    if set_weights:
        clips = [example.clip for example in heard if example.clip is not None]
        seed = seed_for(settings.seed, "start from speech")
        said["start"] = asdict(start_from_speech(part, clips, answers, speakers, seed=seed))
    (part / MADE).write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", "utf-8")
    replace_folder(part, place)
    return place


def _lessons(settings: TrainingSettings, data: TrainingData) -> Lessons:
    prompt = load_prompt(settings.data.prompt)
    return Lessons(prompt, "qwen2_audio", data.spaces, settings.data.orders[:1])


def _options(lessons: Lessons) -> list[str]:
    return [text for corpus in lessons.spaces for text in lessons.options(corpus).shown]


def _texts(settings: TrainingSettings, lessons: Lessons, heard: Sequence[Example]) -> list[str]:
    """What is written, for the tokenizer: the prompts, and answers that are more than labels."""
    firsts = {example.corpus: example for example in heard}.values()
    prompts = [
        part
        for example in firsts
        for turn in lessons.question(example).turns
        for part in turn.parts
        if isinstance(part, str)
    ]
    if settings.data.form is None:
        return prompts
    explained = replace(lessons, form=settings.data.form)
    return prompts + [explained.lesson(example, None).answer for example in heard]


def _speakers(heard: Sequence[Example], data: TrainingData) -> list[str]:
    known = dict(data.utterances.select("utterance_id", "speaker").iter_rows())
    found = [known[example.item.utterance_id] for example in heard]
    if None in found:
        raise CorpusError(
            f"the speaker of {heard[found.index(None)].item.utterance_id} is not known, and "
            "a start from speech leaves speakers out in turn",
            column="speaker",
            hint="fill the column",
        )
    several = len(data.spaces) > 1
    return [
        f"{example.corpus}/{speaker}" if several else str(speaker)
        for example, speaker in zip(heard, found, strict=True)
    ]


def _identity(
    settings: TrainingSettings,
    lessons: Lessons,
    heard: Sequence[Example],
    answers: Sequence[str],
    speakers: Sequence[str],
) -> dict[str, Any]:
    """What another model would differ in."""
    rows: list[tuple[str, Clip | None, str, str]] = [
        (example.item.utterance_id, example.clip, answer, speaker)
        for example, answer, speaker in zip(heard, answers, speakers, strict=True)
    ]
    return {
        "size": SIZE,
        "seed": settings.seed,
        "prompt": lessons.prompt.name,
        "labels": list(dict.fromkeys(_options(lessons))),
        "utterances": len(rows),
        "utterances_hash": hashlib.sha256(repr(rows).encode()).hexdigest(),
    }


def _check_same(place: Path, wanted: Mapping[str, Any]) -> None:
    """See that the model in the folder is the one that would be made."""
    file = place / MADE
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "the folder holds a model that was not made from scratch for a training",
            file=place,
            hint="give another --out",
        ) from error
    different = [key for key, value in wanted.items() if found.get(key) != value]
    if different:
        raise ConfigError(
            f"a model of another {different[0]} stands in the folder",
            file=place,
            value=found.get(different[0]),
            hint="give another --out, or --overwrite to begin anew",
        )
