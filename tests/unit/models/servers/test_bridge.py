"""The bridge of the examples: any function of Python, asked by the backend over HTTP."""

from __future__ import annotations

import importlib.util
import json
import threading
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from architecture.source import ROOT
from equivoice.models import Clip, Decoding, Draw, Question
from equivoice.models.servers import OpenAIServer
from equivoice.prompting import AUDIO, Turn

EXAMPLES = ROOT / "examples" / "servers"


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    made = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(made)
    return made


@contextmanager
def bridged(bridge: ModuleType, answer: Any) -> Iterator[str]:
    server = bridge.serve(answer, model="mine", port=0)
    server.RequestHandlerClass.log_message = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_function_is_asked_like_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = module("bridge", monkeypatch)
    heard: list[Path] = []

    def answer(turns: Any, settings: Mapping[str, Any]) -> str:
        (_, system), (role, parts) = turns
        (sound, text) = parts
        heard.append(sound)
        with wave.open(str(sound)) as file:
            loudest = np.abs(np.frombuffer(file.readframes(-1), "<i2")).max()
        said = [role, *system, loudest, text, *(settings[k] for k in ("seed", "temperature"))]
        return " ".join(map(str, [*said, settings["top_k"], settings["max_tokens"]]))

    levels = (1000, 2000)
    for level in levels:
        whole = np.full(800, level, np.int16)
        soundfile.write(tmp_path / f"{level}.wav", whole, 16_000, subtype="PCM_16")
    turns = (Turn("system", ("S",)), Turn("user", (AUDIO, "T")))
    asked = [
        Question(f"demo/{level}", turns, Clip(str(tmp_path / f"{level}.wav"))) for level in levels
    ]
    draws = [Draw(0.0, 2**63 - 1), Draw(0.5, 7)]
    with bridged(bridge, answer) as url:
        made = OpenAIServer(model="mine", base_url=url, server="vllm")
        answers = made.answer(asked, [draws, draws], Decoding.neutral())
        assert made.reachable().reached
    assert [[one.text for one in row] for row in answers] == [
        [f"user S {level} T {draw.seed} {draw.temperature} -1 5" for draw in draws]
        for level in levels
    ]
    assert len(heard) == 4
    assert not any(path.exists() for path in heard)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"no json",
        json.dumps({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}).encode(),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = module("bridge", monkeypatch)
    with bridged(bridge, lambda *_: "never") as url:
        request = urllib.request.Request(f"{url}/chat/completions", body)  # noqa: S310
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310 - our own server
        caught.value.close()
    assert caught.value.code == 400


def test_what_baichuan_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks and settings; the model itself is not here."""
    baichuan = module("baichuan_omni", monkeypatch)
    turns = [("system", ["S"]), ("user", [Path("/tmp/0.wav"), "T"])]  # noqa: S108 - never opened
    assert baichuan.prompt_of(turns, "<a>", "</a>") == (
        '<B_SYS>S<C_Q><a>{"path": "/tmp/0.wav"}</a>T<C_A>'
    )
    vllm = {"temperature": 0.7, "seed": 1, "max_tokens": 5, "min_tokens": 1, "top_k": -1}
    assert baichuan.sampling(vllm)["top_k"] == 0
    assert baichuan.sampling(vllm | {"temperature": 0.0})["do_sample"] is False
