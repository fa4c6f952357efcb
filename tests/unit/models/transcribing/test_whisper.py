"""Whisper's transcripts, languages and silence: against transformers' own classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from equivoice.audio.decode import decode
from equivoice.errors import AudioError, ConfigError
from equivoice.models.language import Clip
from equivoice.models.transcribing import Transcript, WhisperTranscriber
from tiny.sounds import buzz, write
from tiny.whisper import LANGUAGES, save_whisper


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def whisper(folder: Path) -> WhisperTranscriber:
    return WhisperTranscriber(str(folder), max_new_tokens=12)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    place = tmp_path_factory.mktemp("sounds")
    sounds = [buzz(110 + 90 * n, 0.4 + 0.9 * n) for n in range(3)]
    return [Clip(str(write(place / f"{n}.wav", wave))) for n, wave in enumerate(sounds)]


class Stock:
    """The same by the stock classes: processor, generate, and a plain forward pass."""

    def __init__(self, folder: Path) -> None:
        self.model: Any = transformers.WhisperForConditionalGeneration.from_pretrained(folder)
        self.model.eval()
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
        self.extractor: Any = transformers.WhisperFeatureExtractor.from_pretrained(folder)

    def features(self, clip: Clip) -> torch.Tensor:
        wave = decode(clip.path, rate=16_000)
        features: torch.Tensor = self.extractor(
            wave, sampling_rate=16_000, return_tensors="pt"
        ).input_features
        return features

    def text(self, clip: Clip, language: str | None) -> str:
        told = {} if language is None else {"language": language, "task": "transcribe"}
        row = self.model.generate(
            self.features(clip), max_new_tokens=12, do_sample=False, num_beams=1, **told
        )[0]
        return str(self.tokenizer.decode(row, skip_special_tokens=True)).strip()

    def first(self, clip: Clip) -> torch.Tensor:
        """The distribution after <|startoftranscript|>."""
        start = torch.tensor([[self.model.generation_config.decoder_start_token_id]])
        with torch.no_grad():
            logits = self.model(self.features(clip), decoder_input_ids=start).logits
        return logits[0, 0].double().softmax(0)


@pytest.fixture(scope="module")
def stock(folder: Path) -> Stock:
    return Stock(folder)


# --------------------------------------------------------------------------- what it hears


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_transcript_is_that_of_generate(
    whisper: WhisperTranscriber, stock: Stock, clips: list[Clip], language: str
) -> None:
    found = whisper.transcribe(clips, [language] * len(clips))
    assert [each.text for each in found] == [stock.text(clip, language) for clip in clips]
    assert [each.language for each in found] == [language] * len(clips)
    assert len({each.text for each in found}) > 1  # or it hears nothing


def test_the_language_is_the_one_that_transformers_detects(
    whisper: WhisperTranscriber, stock: Stock, clips: list[Clip]
) -> None:
    for clip, found in zip(clips, whisper.transcribe(clips), strict=True):
        (token,) = stock.model.detect_language(stock.features(clip)).tolist()
        assert stock.tokenizer.convert_ids_to_tokens(token) == f"<|{found.heard_language}|>"
        assert found.language == found.heard_language
        assert found.text == stock.text(clip, found.language)


def test_probabilities_are_those_of_the_first_step(
    whisper: WhisperTranscriber, stock: Stock, clips: list[Clip]
) -> None:
    known = stock.model.generation_config.lang_to_id
    silence = stock.tokenizer.convert_tokens_to_ids("<|nospeech|>")
    for clip, found in zip(clips, whisper.transcribe(clips), strict=True):
        first = stock.first(clip)
        among = {name: float(first[token]) for name, token in known.items()}
        expected = among[f"<|{found.heard_language}|>"] / sum(among.values())
        assert found.language_probability == pytest.approx(expected, rel=1e-4)
        assert found.no_speech == pytest.approx(float(first[silence]), rel=1e-4)
        assert found.language_probability == pytest.approx(
            max(among.values()) / sum(among.values())
        )


def test_the_silence_is_that_of_transformers_own_detector(
    whisper: WhisperTranscriber, stock: Stock, clips: list[Clip]
) -> None:
    from transformers.generation.logits_process import WhisperNoSpeechDetection

    settings = stock.model.generation_config
    detector = WhisperNoSpeechDetection(
        no_speech_token=settings.no_timestamps_token_id - 1, begin_index=1
    )
    start = torch.tensor([[settings.decoder_start_token_id]])
    with torch.no_grad():
        logits = stock.model(stock.features(clips[1]), decoder_input_ids=start).logits[:, 0]
        detector(start, logits)
    (found,) = whisper.transcribe([clips[1]])
    assert found.no_speech == pytest.approx(float(detector.no_speech_prob[0]), rel=1e-4)


def test_a_batch_hears_what_each_clip_alone_has(
    whisper: WhisperTranscriber, clips: list[Clip]
) -> None:
    together = whisper.transcribe(clips)
    for clip, found in zip(clips, together, strict=True):
        (alone,) = whisper.transcribe([clip])
        assert alone.text == found.text
        assert alone.no_speech == pytest.approx(found.no_speech, rel=1e-4)


def test_some_languages_may_be_told_and_others_heard(
    whisper: WhisperTranscriber, clips: list[Clip]
) -> None:
    heard = whisper.transcribe(clips)
    other = next(code for code in LANGUAGES if code != heard[1].heard_language)
    mixed = whisper.transcribe(clips, [None, other, None])
    assert [each.language for each in mixed] == [heard[0].language, other, heard[2].language]
    assert mixed[1].heard_language == heard[1].heard_language
    assert (mixed[0].text, mixed[2].text) == (heard[0].text, heard[2].text)


def test_a_region_is_left_aside(whisper: WhisperTranscriber, clips: list[Clip]) -> None:
    assert whisper.transcribe(clips[:1], ["de-AT"]) == whisper.transcribe(clips[:1], ["de"])


def test_a_part_of_a_file_is_a_clip(
    whisper: WhisperTranscriber, tmp_path: Path, clips: list[Clip]
) -> None:
    wave = decode(clips[2].path, rate=16_000)
    part = write(tmp_path / "part.wav", np.asarray(wave[8_000:24_000]))
    found = whisper.transcribe([Clip(clips[2].path, 0.5, 1.5), Clip(str(part))], ["en", "en"])
    assert found[0].text == found[1].text


def test_tokens_that_are_never_said_are_not(tmp_path: Path, clips: list[Clip]) -> None:
    said = WhisperTranscriber(str(save_whisper(tmp_path / "a")), max_new_tokens=8)
    text = said.transcribe(clips[:1], ["en"])[0].text
    banned = said.tokenizer(text, add_special_tokens=False)["input_ids"]
    place = save_whisper(tmp_path / "b", suppress=banned)
    quiet = WhisperTranscriber(str(place), max_new_tokens=8)
    assert quiet.transcribe(clips[:1], ["en"])[0].text != text
    row = Stock(place).model.generate(
        Stock(place).features(clips[0]), max_new_tokens=8, language="en", task="transcribe"
    )[0]
    again = quiet.tokenizer.decode(row, skip_special_tokens=True).strip()
    assert quiet.transcribe(clips[:1], ["en"])[0].text == again


def test_a_whisper_of_one_language_says_none(tmp_path: Path, clips: list[Clip]) -> None:
    place = save_whisper(tmp_path / "english", languages=())
    whisper = WhisperTranscriber(str(place), max_new_tokens=12)
    found = whisper.transcribe(clips, ["en", None, "de"])
    assert whisper.languages == ()
    assert {(each.language, each.heard_language, each.language_probability) for each in found} == {
        (None, None, None)
    }
    assert [each.text for each in found] == [Stock(place).text(clip, None) for clip in clips]


def test_a_long_clip_is_heard_window_by_window(whisper: WhisperTranscriber, tmp_path: Path) -> None:
    rest = buzz(200, 4.0)
    first = buzz(120, 30.0)
    long = write(tmp_path / "long.wav", np.concatenate([first, rest]))
    parts = [write(tmp_path / "1.wav", first), write(tmp_path / "2.wav", rest)]
    (whole,) = whisper.transcribe([Clip(str(long))], ["en"])
    alone = whisper.transcribe([Clip(str(part)) for part in parts], ["en", "en"])
    assert whole.text == " ".join(each.text for each in alone if each.text)
    assert whole.no_speech == pytest.approx(min(each.no_speech for each in alone), rel=1e-4)


def test_no_clips_have_no_transcripts(whisper: WhisperTranscriber) -> None:
    assert whisper.transcribe([]) == []


# --------------------------------------------------------------------------- what it is


def test_a_transcript_ends_where_the_limit_says(folder: Path, clips: list[Clip]) -> None:
    lengths = []
    for most in (2, 9):
        whisper = WhisperTranscriber(str(folder), max_new_tokens=most)
        text = whisper.transcribe(clips[:1], ["en"])[0].text
        lengths.append(len(text))
    assert lengths[0] < lengths[1]


def test_the_limit_is_half_of_what_the_decoder_holds(folder: Path) -> None:
    assert WhisperTranscriber(str(folder)).most == 20


@pytest.mark.parametrize("most", [0, 37, -1])
def test_limits_that_cannot_be(folder: Path, most: int) -> None:
    with pytest.raises(ConfigError, match="1 to 36"):
        WhisperTranscriber(str(folder), max_new_tokens=most)


def test_it_is_known_by_weights_and_settings(folder: Path, tmp_path: Path) -> None:
    other = save_whisper(tmp_path / "other", seed=5)
    one = WhisperTranscriber(str(folder), max_new_tokens=5)
    assert one.identity() == WhisperTranscriber(str(folder), max_new_tokens=5).identity()
    for different in (
        WhisperTranscriber(str(folder), max_new_tokens=6),
        WhisperTranscriber(str(other), max_new_tokens=5),
        WhisperTranscriber(str(folder), max_new_tokens=5, dtype="bfloat16"),
    ):
        assert different.identity() != one.identity()


def test_it_says_what_it_is(whisper: WhisperTranscriber) -> None:
    told = whisper.describe()
    json.dumps(told)
    assert told["architecture"] == "WhisperForConditionalGeneration"
    assert told["max_new_tokens"] == 12
    assert told["weights"]


# --------------------------------------------------------------------------- bad input


def test_an_unknown_language_names_those_that_there_are(
    whisper: WhisperTranscriber, clips: list[Clip]
) -> None:
    with pytest.raises(ConfigError, match=r"language: 'tlh'(.|\n)*de, en, ja"):
        whisper.transcribe(clips[:1], ["tlh"])


def test_a_broken_file_is_named(
    whisper: WhisperTranscriber, tmp_path: Path, clips: list[Clip]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF of nothing")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        whisper.transcribe([clips[0], Clip(str(tmp_path / "broken.wav"))])


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    from tiny.text import save_text_model

    with pytest.raises(ConfigError, match="another architecture"):
        WhisperTranscriber(str(save_text_model(tmp_path / "llama")))


def test_settings_of_no_whisper_are_refused(tmp_path: Path) -> None:
    place = save_whisper(tmp_path / "bare")
    told = json.loads((place / "generation_config.json").read_text())
    del told["no_timestamps_token_id"]
    (place / "generation_config.json").write_text(json.dumps(told))
    with pytest.raises(ConfigError, match="no_timestamps_token_id"):
        WhisperTranscriber(str(place))


def test_a_transcript_is_a_value() -> None:
    assert Transcript("a", "en", "en", 0.5, 0.1) == Transcript("a", "en", "en", 0.5, 0.1)
