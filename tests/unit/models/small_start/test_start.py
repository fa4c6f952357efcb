"""The door: from labelled speech on disk to a checkpoint that answers about new speakers."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from equivoice.errors import AudioError, ConfigError, StorageError
from equivoice.models import Decoding, Draw
from equivoice.models.language import Clip
from equivoice.models.registry import load_model
from equivoice.models.small_start import SpeechStart, start_from_speech
from equivoice.models.speech_llms.small import make_small_speech_llm
from tiny.small import LABELS, PROMPT
from tiny.sounds import ask

Speech = list[tuple[Clip, str, str]]


def start(folder: Path, rows: Speech, **settings: Any) -> SpeechStart:
    clips, answers, speakers = zip(*rows, strict=True)
    return start_from_speech(folder, clips, answers, speakers, **settings)


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def answers(folder: Path, rows: Speech) -> list[str]:
    backend: Any = load_model("qwen2-audio", model=str(folder))
    prefix = backend.prepare([ask(Path(clip.path), PROMPT) for clip, _, _ in rows])
    said = backend.option_logprobs(prefix, LABELS, [1.0], Decoding.neutral()).logprobs
    return [LABELS[each] for each in said[:, 0].argmax(1)]


def test_it_answers_about_speakers_whom_it_never_heard(folder: Path, speech: Speech) -> None:
    known = [row for row in speech if row[2] not in ("s2", "s4")]
    new = [row for row in speech if row[2] in ("s2", "s4")]
    found = start(folder, known)
    right = [said == label for said, (_, label, _) in zip(answers(folder, new), new, strict=True)]
    assert sum(right) >= 0.8 * len(right)
    assert found.macro_f1 >= 0.8
    assert found.answers == LABELS
    assert found.clips == len(known)


def test_labels_at_random_are_not_learnt(folder: Path, speech: Speech) -> None:
    """What it says of itself is of speakers left out, so nothing learnt by heart counts."""
    mixed = [(clip, LABELS[n * 7 // 3 % 3], who) for n, (clip, _, who) in enumerate(speech)]
    assert start(folder, mixed).macro_f1 < 0.65


def test_a_seed_gives_the_same_files(speech: Speech, tmp_path: Path) -> None:
    from tiny.small import SIZE

    hashes = []
    for name, seed in (("one", 4), ("again", 4), ("other", 5)):
        made = make_small_speech_llm(tmp_path / name, labels=LABELS, size=SIZE, seed=0)
        start(made, speech[:36], seed=seed)
        hashes.append(weights(made))
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_does_not_hold_weights_stays_as_it_was(folder: Path, speech: Speech) -> None:
    kept = {file.name: file.read_bytes() for file in folder.iterdir() if "tokenizer" in file.name}
    before = weights(folder)
    start(folder, speech[:24])
    assert weights(folder) != before
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["Qwen2AudioForConditionalGeneration"]


@pytest.mark.parametrize("what", ["answers", "speakers"])
def test_one_of_a_kind_is_refused(folder: Path, speech: Speech, what: str) -> None:
    rows = [
        (clip, "sad" if what == "answers" else label, "s0" if what == "speakers" else who)
        for clip, label, who in speech[:12]
    ]
    with pytest.raises(ConfigError, match=f"two {what} or more"):
        start(folder, rows)


def test_lists_of_other_lengths_are_refused(folder: Path, speech: Speech) -> None:
    with pytest.raises(ConfigError, match="2 clips, 1 answers, 2 speakers"):
        start_from_speech(folder, [speech[0][0], speech[1][0]], ["sad"], ["a", "b"])


def test_a_model_without_room_is_refused(tmp_path: Path, speech: Speech) -> None:
    made = make_small_speech_llm(tmp_path / "tiny", labels=LABELS, size="tiny")
    before = weights(made)
    with pytest.raises(ConfigError, match="heads: 4, and 5 are needed"):
        start(made, speech)
    assert weights(made) == before


def test_a_clip_that_is_not_there_is_named(folder: Path, speech: Speech, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav"):
        start(folder, [*speech[:12], (Clip(str(tmp_path / "gone.wav")), "sad", "s1")])


def test_it_needs_no_scikit_learn(
    folder: Path, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optional extra, which people who train need not have."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert start(folder, speech[:24]).clips == 24


def test_random_numbers_of_others_are_not_touched(folder: Path, speech: Speech) -> None:
    torch.manual_seed(8)
    expected = torch.rand(4)
    torch.manual_seed(8)
    start(folder, speech[:24], seed=1)
    assert torch.equal(torch.rand(4), expected)


def test_the_order_of_the_clips_does_not_decide_the_answers(folder: Path, speech: Speech) -> None:
    """Other pieces of speech are drawn, and yet the same labels are learnt."""
    start(folder, speech[::-1])
    right = [
        said == label for said, (_, label, _) in zip(answers(folder, speech), speech, strict=True)
    ]
    assert sum(right) >= 0.9 * len(right)


def test_answers_are_in_the_words_that_were_given(folder: Path, speech: Speech) -> None:
    """As a prompt shows them, with a capital; the model was made with the plain labels."""
    said = start(folder, [(clip, label.capitalize(), who) for clip, label, who in speech[:36]])
    assert said.answers == ("Angry", "Calm", "Sad")
    backend: Any = load_model("qwen2-audio", model=str(folder))
    found = backend.answer(
        [ask(Path(clip.path), PROMPT) for clip, _, _ in speech[:3]],
        [[Draw(0.0, 0)]] * 3,
        Decoding(max_new_tokens=6),
    )
    assert {each[0].text for each in found} <= set(said.answers)


def test_what_it_says_of_itself_can_be_written_as_json(folder: Path, speech: Speech) -> None:
    found = asdict(start(folder, speech[:24]))
    assert json.loads(json.dumps(found)) == found | {"answers": list(found["answers"])}
    assert found["nll"] < math.log(3)


def test_two_labels_and_two_speakers_are_enough(folder: Path, speech: Speech) -> None:
    rows = [row for row in speech if row[1] != "calm" and row[2] in ("s0", "s1")]
    found = start(folder, rows)
    assert found.answers == ("angry", "sad")
    assert 0 <= found.macro_f1 <= 1


def test_a_folder_that_cannot_be_written_is_named(
    folder: Path, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Qwen2AudioForConditionalGeneration

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Qwen2AudioForConditionalGeneration, "save_pretrained", full)
    with pytest.raises(StorageError, match="No space left"):
        start(folder, speech[:24])
