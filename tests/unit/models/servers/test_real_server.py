"""Against ``transformers serve``, with tiny models that the test makes and starts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from equivoice.cli.app import run
from equivoice.models import Clip, Decoding, Draw, Question
from equivoice.models.servers import OpenAIServer
from equivoice.prompting import AUDIO, Turn
from equivoice.store import RunFolder
from tiny.speech import save_tiny_qwen2_audio
from tiny.text import save_text_model

pytestmark = pytest.mark.slow

NEUTRAL = Decoding.neutral(max_new_tokens=6)
TEXT = "Which emotion is it? Answer:"
DRAWS = [Draw(0.0, 1), Draw(0.0, 2), *(Draw(1.5, seed) for seed in (1, 2, 3, 4, 5, 1))]


@contextmanager
def served(model: Path, home: Path) -> Iterator[str]:
    """The base_url of a server of its own process, on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "serve.log"
    with log.open("w") as output:
        command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "hub")},
        )
    try:
        _await(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[Any], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the server ended at once:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def speech_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen2_audio(tmp_path_factory.mktemp("speech") / "model")


@pytest.fixture(scope="module")
def speech_server(speech_model: Path) -> Iterator[str]:
    with served(speech_model, speech_model.parent) as url:
        yield url


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("clips")
    time_axis = np.arange(32_000) / 16_000
    sounds = {
        "low": np.sin(2 * np.pi * 150 * time_axis),
        "high": np.sign(np.sin(2 * np.pi * 900 * time_axis)),
    }
    for name, samples in sounds.items():
        whole = (samples * 9000).astype(np.int16)
        soundfile.write(folder / f"{name}.wav", whole, 16_000, subtype="PCM_16")
    return [Clip(str(folder / f"{name}.wav"), 0.25, 1.5) for name in sounds]


def questions(clips: list[Clip]) -> list[Question]:
    turns = (Turn("user", (AUDIO, TEXT)),)
    return [Question(f"demo/{number}", turns, clip) for number, clip in enumerate(clips)]


def generated(model: Path, clip: Clip, draw: Draw) -> str:
    """What the model says when transformers is used directly, without a server."""
    import torch
    from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration

    processor = AutoProcessor.from_pretrained(model)
    network = Qwen2AudioForConditionalGeneration.from_pretrained(model).eval()
    samples, _ = soundfile.read(clip.path, start=4000, stop=24_000, dtype="float32")
    content = [{"type": "audio", "audio": samples}, {"type": "text", "text": TEXT}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    torch.manual_seed(draw.seed)
    sampling: dict[str, Any] = {"do_sample": False}
    if draw.temperature > 0:
        sampling = {"do_sample": True, "temperature": draw.temperature, "top_k": 0, "top_p": 1.0}
    with torch.no_grad():
        tokens = network.generate(**inputs, max_new_tokens=6, min_new_tokens=1, **sampling)
    answer = tokens[0, inputs["input_ids"].shape[1] :]
    return str(processor.decode(answer, skip_special_tokens=True))


def test_speech_is_answered_as_the_model_itself_answers(
    speech_server: str, speech_model: Path, clips: list[Clip]
) -> None:
    made = OpenAIServer(model=str(speech_model), base_url=speech_server)
    answers = made.answer(questions(clips), [DRAWS, DRAWS], NEUTRAL)
    said = [[one.text for one in row] for row in answers]
    assert said == [[generated(speech_model, clip, draw) for draw in DRAWS] for clip in clips]
    # greedy answers are one, equal seeds are equal, and other seeds are not all the same
    assert said[0][0] == said[0][1]
    assert said[0][2] == said[0][-1]
    assert len(set(said[0][2:-1])) > 1
    assert said[0][0] != said[1][0], "the sound does not reach the model"
    assert made.totals.answers == 16
    assert made.totals.completion_tokens > 16
    assert made.describe()["kind"] == "transformers"
    assert made.reachable().reached


def test_sound_as_a_flac_data_address(
    speech_server: str, speech_model: Path, clips: list[Clip]
) -> None:
    options: dict[str, Any] = {"model": str(speech_model), "base_url": speech_server}
    plain = OpenAIServer(**options)
    other = OpenAIServer(**options, audio_part="audio_url", audio_format="flac")
    draws = [DRAWS[:3]] * 2
    asked = questions(clips)
    first, second = (made.answer(asked, draws, NEUTRAL) for made in (plain, other))
    assert [[one.text for one in row] for row in first] == [
        [one.text for one in row] for row in second
    ]


def test_why_this_server_is_told_to_sample(speech_server: str, speech_model: Path) -> None:
    """A temperature alone changes nothing there: the answers of five seeds are one."""

    def plainly_asked(seed: int) -> str:
        body = {
            "model": str(speech_model),
            "messages": [{"role": "user", "content": TEXT}],
            "temperature": 1.5,
            "seed": seed,
            "max_tokens": 6,
        }
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{speech_server}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            return str(json.load(reply)["choices"][0]["message"]["content"])

    assert len({plainly_asked(seed) for seed in range(5)}) == 1
    made = OpenAIServer(model=str(speech_model), base_url=speech_server)
    asked = [Question("demo/0", (Turn("user", (TEXT,)),))]
    answers = made.answer(asked, [[Draw(1.5, seed) for seed in range(5)]], NEUTRAL)
    assert len({one.text for one in answers[0]}) > 1


def test_a_text_model_and_the_checkpoints_own_settings(tmp_path: Path) -> None:
    """What the decoding leaves open is the checkpoint's: here a top-k of 1, which is greedy."""
    model = save_text_model(tmp_path / "model", generation={"do_sample": True, "top_k": 1})
    asked = [Question("demo/0", (Turn("user", ("what emotion is happy ?",)),))]
    draws = [[Draw(2.0, seed) for seed in range(6)]]
    with served(model, tmp_path) as url:
        made = OpenAIServer(model=str(model), base_url=url, hears=False, name="openai-text")
        own = {one.text for one in made.answer(asked, draws, Decoding(5))[0]}
        neutral = {one.text for one in made.answer(asked, draws, NEUTRAL)[0]}
    assert len(own) == 1
    assert len(neutral) > 1


def test_a_benchmark_over_the_server_says_what_the_model_says_here(
    speech_server: str, speech_model: Path, real_data: Path, tmp_path: Path
) -> None:
    """Real speech, from the command line: greedy answers are those of our own backend."""
    words = ["corpora", "prepare", "ravdess", f"--audio={real_data / 'audio' / 'ravdess'}"]
    assert (
        run([*words, f"--metadata={real_data / 'emobox' / 'ravdess'}", f"--out={tmp_path / 'c'}"])
        == 0
    )
    done = run(
        [
            "benchmark",
            "--system=there=openai-server",
            "--system=here=qwen2-audio",
            f"--corpus={tmp_path / 'c'}",
            f"--out={tmp_path / 'run'}",
            "--folds=1",
            "--limit=6",
            "--temperature=0",
            "--replicates=50",
            "--permutations=20",
            f"options.here.model={speech_model}",
            f"options.there.model={speech_model}",
            f"options.there.base_url={speech_server}",
            "options.there.family=qwen2_audio",
        ]
    )
    assert done == 0
    found = RunFolder.read(tmp_path / "run").predictions()
    here, there = (
        dict(found.filter(pl.col("system") == name).select("utterance_id", "response").iter_rows())
        for name in ("here", "there")
    )
    assert len(here) == 6
    assert here == there
    assert len(set(here.values())) > 1
