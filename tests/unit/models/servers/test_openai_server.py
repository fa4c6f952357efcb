"""Requests as they are sent, options, what is recorded, and which server it is."""

from __future__ import annotations

import base64
import io
import json
import math
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from equivoice.errors import AudioError, ConfigError, InputError, RunError
from equivoice.models import Clip, Decoding, Draw, LanguageBackend, PrefixBackend, Question
from equivoice.models.registry import load_model
from equivoice.models.servers import OpenAIServer, SaidWithLogprob
from equivoice.models.servers.recognising import Listing
from equivoice.prompting import AUDIO, Turn, load_prompt
from equivoice.records import Label, LabelSpace
from faults.model_server import ModelServer, serving

NEUTRAL = Decoding.neutral()
SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
RATE = 44_100


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """Two seconds in stereo: a low tone in the first, a high one in the second."""
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * math.pi * np.where(time < 1, 200, 2000) * time) * 0.5
    path = tmp_path / "voice.flac"
    soundfile.write(path, np.stack([tone, tone], axis=1), RATE, subtype="PCM_16")
    return path


def asked(prompt: str, clip: Clip | None, *, family: str = "general") -> Question:
    wording = load_prompt(prompt)
    turns = wording.render(wording.options(SPACE), family=family, modality="speech")
    return Question("demo/1", turns, clip)


def body_of(server: ModelServer, question: Question, **options: Any) -> dict[str, Any]:
    made = OpenAIServer(model="tiny", base_url=server.base_url, **{"server": "vllm", **options})
    made.answer([question], [[Draw(0.7, 5)]], NEUTRAL)
    return server.bodies[-1]


def tone_of(data: bytes) -> tuple[int, int, float, int]:
    """Rate, channels, seconds and the strongest frequency of a WAV file, by other means."""
    with wave.open(io.BytesIO(data)) as sound:
        assert sound.getsampwidth() == 2
        rate, channels, frames = sound.getframerate(), sound.getnchannels(), sound.getnframes()
        samples = np.frombuffer(sound.readframes(frames), dtype="<i2")
    spectrum = np.abs(np.fft.rfft(samples))
    return rate, channels, frames / rate, round(spectrum.argmax() * rate / len(samples))


# ------------------------------------------------------------------ sound


def test_the_piece_that_was_named_is_sent_as_16_khz_mono(voice: Path) -> None:
    with serving() as server:
        body = body_of(server, asked("user_labels", Clip(str(voice), 1.25, 1.75)))
    parts = body["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["input_audio", "text"]
    assert parts[0]["input_audio"]["format"] == "wav"
    data = base64.b64decode(parts[0]["input_audio"]["data"], validate=True)
    assert tone_of(data) == (16_000, 1, 0.5, 2000)


def test_samples_arrive_bit_by_bit(tmp_path: Path) -> None:
    """16 kHz mono of 16 bits is not changed, the loudest samples included."""
    path = tmp_path / "a.wav"
    samples = np.array([-32768, -1, 0, 1, 32767, 12345] * 100, dtype=np.int16)
    soundfile.write(path, samples, 16_000, subtype="PCM_16")
    with serving() as server:
        body = body_of(server, asked("user_labels", Clip(str(path))))
    data = base64.b64decode(body["messages"][-1]["content"][0]["input_audio"]["data"])
    assert soundfile.read(io.BytesIO(data), dtype="int16")[0].tolist() == samples.tolist()


def test_flac_as_a_data_address(voice: Path) -> None:
    options = {"audio_part": "audio_url", "audio_format": "flac"}
    with serving() as server:
        body = body_of(server, asked("user_labels", Clip(str(voice))), **options)
    part = body["messages"][-1]["content"][0]
    head, _, data = part["audio_url"]["url"].partition(",")
    assert (part["type"], head) == ("audio_url", "data:audio/flac;base64")
    assert soundfile.info(io.BytesIO(base64.b64decode(data))).duration == 2.0


@pytest.mark.parametrize(
    ("options", "phrase"),
    [({"longest": 1.0}, "too long"), ({"most_megabytes": 0.01}, "too large to be sent")],
)
def test_a_sound_over_the_limits_is_refused_before_anything_is_sent(
    voice: Path, options: dict[str, float], phrase: str
) -> None:
    with serving() as server, pytest.raises(AudioError, match=phrase) as caught:
        body_of(server, asked("user_labels", Clip(str(voice))), **options)
    assert caught.value.file == str(voice)
    assert server.asked.total() == 0


def test_text_and_sound_keep_their_order(voice: Path) -> None:
    turns = (
        Turn("system", ("Be brief.",)),
        Turn("user", ("before ", AUDIO, "", "after")),
    )
    with serving() as server:
        body = body_of(server, Question("demo/1", turns, Clip(str(voice))))
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert [part.get("text", part["type"]) for part in user["content"]] == [
        "before ",
        "input_audio",
        "after",
    ]


def test_a_text_model_is_sent_no_sound(voice: Path) -> None:
    made = OpenAIServer(model="tiny", server="vllm", hears=False)
    assert made.modalities == {"transcript"}
    with pytest.raises(ConfigError, match="by transcript alone"):
        made.answer([asked("user_labels", Clip(str(voice)))], [[Draw(0.0, 1)]], NEUTRAL)


def test_a_place_for_sound_without_sound_is_an_error() -> None:
    made = OpenAIServer(model="tiny", server="vllm")
    with pytest.raises(InputError, match="comes without"):
        made.answer([asked("user_labels", None)], [[Draw(0.0, 1)]], NEUTRAL)


# ------------------------------------------------------------------ requests


def shape(value: Any) -> Any:
    """A request with its sound and texts cut short."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return value[:4] if isinstance(value, str) and len(value) > 40 else value


@pytest.mark.parametrize(
    "model", ["moonshotai/Kimi-Audio-7B-Instruct", "fixie-ai/ultravox-v0_5-llama-3_2-1b"]
)
def test_the_request_of_models_that_only_servers_carry(model: str, voice: Path) -> None:
    """The shape of vLLM's chat protocol with sound, as docs/servers.md shows it."""
    with serving(models=[{"id": model, "owned_by": "vllm"}]) as server:
        made = OpenAIServer(model=model, base_url=server.base_url)
        question = asked("user_labels", Clip(str(voice)), family=made.family)
        made.answer([question], [[Draw(0.7, 5)]], NEUTRAL)
    assert shape(server.bodies[0]) == {
        "model": model,
        "messages": [
            {"role": "system", "content": "You "},
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                    {"type": "text", "text": "Clas"},
                ],
            },
        ],
        "temperature": 0.7,
        "seed": 5,
        "max_tokens": 5,
        "min_tokens": 1,
        "top_p": 1.0,
        "top_k": -1,
        "repetition_penalty": 1.0,
        "min_p": 0.0,
    }


def test_own_fields_and_the_name_of_the_length(voice: Path) -> None:
    options = {"extra_body": {"guided_choice": ["a"]}, "length_field": "max_completion_tokens"}
    with serving() as server:
        body = body_of(server, asked("user_labels", Clip(str(voice))), **options)
    assert body["guided_choice"] == ["a"]
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


TEXT = Question("demo/1", (Turn("user", ("Which emotion?",)),))


def test_several_samples_a_request_share_temperature_and_nothing_else() -> None:
    draws = [Draw(t, 10 * k + round(t)) for t in (0.0, 1.0) for k in range(5)]
    said = iter("abcdefghij")
    with serving(answer=lambda _: next(said)) as server:
        made = OpenAIServer(
            model="tiny",
            base_url=server.base_url,
            server="vllm",
            samples_per_request=3,
            concurrency=1,
            prices={"input": 1, "output": 1},
        )
        answers = made.answer([TEXT], [draws], NEUTRAL)[0]
    sent = [(body["temperature"], body["seed"], body.get("n", 1)) for body in server.bodies]
    assert sent == [(0.0, 0, 3), (0.0, 30, 2), (1.0, 1, 3), (1.0, 31, 2)]
    assert [one.text for one in answers] == list("abcdefghij")
    assert math.fsum(one.cost or 0 for one in answers) == pytest.approx(4 * 110e-6)
    assert made.totals.cost == pytest.approx(4 * 110e-6)
    assert [one.seconds for one in answers] == [None] * 10
    assert made.totals.answers == 10


def test_latency_and_cost_of_an_answer() -> None:
    prices = {"input": 1.0, "output": 2.0, "audio": 10.0}
    with serving({"*": ["slow 0.2"]}) as server:
        made = OpenAIServer(model="tiny", base_url=server.base_url, server="vllm", prices=prices)
        said = made.answer([TEXT], [[Draw(0.0, 1)]], NEUTRAL)[0][0]
    assert said.seconds is not None
    assert 0.2 <= said.seconds < 5
    assert said.cost == pytest.approx((40 * 1 + 60 * 10 + 10 * 2) / 1e6)
    assert said.finished is True


def test_log_probabilities_where_they_are_asked_for() -> None:
    with serving() as server:
        made = OpenAIServer(model="tiny", base_url=server.base_url, server="vllm", logprobs=True)
        said = made.answer([TEXT], [[Draw(0.0, 1)]], NEUTRAL)[0][0]
    assert server.bodies[0]["logprobs"] is True
    assert isinstance(said, SaidWithLogprob)
    assert said.logprob is None  # this server gives none, and none is made up


# ------------------------------------------------------------------ options


def test_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIServer(server="vlm", tries=0, extra_body={"seed": 1, "n": 4}, audio_part="mp3")  # type: ignore[arg-type]
    message = str(caught.value)
    for phrase in ("model: needed", "'vlm'", "tries", "extra_body.seed", "extra_body.n", "'mp3'"):
        assert phrase in message


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host/v1", "", "http://", "http://host:port/v1"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIServer(model="m", base_url=url)


@pytest.mark.parametrize("url", ["https://me:hunter22@host/v1", "https://host/v1?api_key=hunter22"])
def test_a_secret_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="api_key_env") as caught:
        OpenAIServer(model="m", base_url=url)
    assert "hunter22" not in str(caught.value)


def test_a_key_in_place_of_its_name_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="NAME of an environment variable") as caught:
        OpenAIServer(model="m", api_key_env="sk-abc-123")
    assert "sk-abc" not in str(caught.value)


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    made = OpenAIServer(model="m", api_key_env="NO_SUCH_KEY", server="vllm")
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        made.answer([TEXT], [[Draw(0.0, 1)]], NEUTRAL)
    assert "NO_SUCH_KEY" in made.reachable().what


def test_a_header_of_ones_own_bears_the_bare_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "0123456789")
    with serving() as server:
        body_of(server, TEXT, api_key_env="TEST_MODEL_KEY", api_key_header="api-key")
    assert server.headers[0]["api-key"] == "0123456789"
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "prices", [{"input": 1}, {"input": 1, "output": -1}, {"input": 1, "output": 1, "image": 1}]
)
def test_prices_that_make_no_sense(prices: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="prices"):
        OpenAIServer(model="m", prices=prices)


@pytest.mark.parametrize(
    "options", [{"concurrency": 2}, {"samples_per_request": 2}, {"logprobs": True}]
)
def test_what_transformers_serve_cannot_do_is_refused(options: dict[str, Any]) -> None:
    made = OpenAIServer(model="m", server="transformers", **options)
    with pytest.raises(ConfigError, match="transformers"):
        made.answer([TEXT], [[Draw(0.0, 1)]], NEUTRAL)


def test_systems_by_name() -> None:
    server = load_model("openai-server", model="Qwen/Qwen2-Audio-7B-Instruct")
    text = load_model("openai-text", model="llama")
    assert isinstance(server, LanguageBackend)
    assert not isinstance(server, PrefixBackend)
    assert isinstance(text, LanguageBackend)
    assert (server.name, server.family) == ("openai-server", "qwen2_audio")
    assert (text.name, text.family, text.modalities) == ("openai-text", "general", {"transcript"})


# ------------------------------------------------------------------ the record


@pytest.mark.parametrize(
    ("models", "options", "kind", "known"),
    [
        ([{"id": "tiny", "owned_by": "vllm"}], {}, "vllm", "what the server says of itself"),
        ([{"id": "tiny", "owned_by": "llamacpp"}], {}, "llama.cpp", "what the server says"),
        ([{"id": "tiny", "owned_by": "system"}], {}, "openai", "what the server says"),
        ([{"id": "tiny", "owned_by": "somebody"}], {}, "openai", "assumed"),
        ([{"id": "tiny", "owned_by": "vllm"}], {"server": "openai"}, "openai", "the option"),
    ],
)
def test_the_kind_of_server(
    models: Sequence[dict[str, str]], options: dict[str, str], kind: str, known: str
) -> None:
    with serving(models=models) as server:
        described = OpenAIServer(model="tiny", base_url=server.base_url, **options).describe()
    assert described["kind"] == kind
    assert str(described["kind_known_from"]).startswith(known)
    assert described["listed"] == models[0]


def test_the_record_is_the_same_each_time_and_fits_json() -> None:
    """A resumed run compares it; the server's list of models bears the time of the call."""
    with serving() as server:
        made = [OpenAIServer(model="tiny", base_url=server.base_url) for _ in range(2)]
        first, second = (json.dumps(one.describe()) for one in made)
    assert first == second


def test_the_record_says_who_hears_the_speech() -> None:
    there = OpenAIServer(model="m", base_url="https://api.example.com/v1", server="openai")
    there.__dict__["_listing"] = Listing(None)  # as if it had been asked
    described = there.describe()
    assert described["leaves_this_machine"] is True
    assert described["privacy"] == "prompts and speech are sent to api.example.com"
    here = OpenAIServer(model="m", base_url="http://[::1]:8000/v1", server="openai")
    here.__dict__["_listing"] = Listing(None)
    assert here.describe()["leaves_this_machine"] is False


@pytest.mark.parametrize(
    ("host", "leaves"),
    [
        ("localhost", False),
        ("127.0.0.2", False),
        ("[::1]", False),
        ("0.0.0.0", True),  # noqa: S104 - an address to ask, not to listen on
        ("10.0.0.7", True),
        ("localhost.example.com", True),
    ],
)
def test_which_addresses_are_this_machine(host: str, leaves: bool) -> None:
    assert OpenAIServer(model="m", base_url=f"http://{host}/v1").leaves_this_machine is leaves


def test_whether_a_server_can_be_worked_with() -> None:
    with serving(models=[{"id": "tiny"}, {"id": "other"}]) as server:
        good = OpenAIServer(model="tiny", base_url=server.base_url).reachable()
        bad = OpenAIServer(model="tinny", base_url=server.base_url).reachable()
    assert good.reached
    assert not bad.reached
    assert "only: tiny, other" in bad.what
    gone = OpenAIServer(model="tiny", base_url=server.base_url)
    assert not gone.reachable().reached
    with pytest.raises(RunError, match="cannot be reached"):
        gone.describe()
