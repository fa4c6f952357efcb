"""Baichuan-Omni-1.5 behind the bridge, by the code that its checkpoint brings.

Written after the examples that Baichuan publishes; **not tried here**, for want of the
weights. Compare one transcription with Baichuan's own demo before you trust it.

In Baichuan's own environment (its requirements.txt), with bridge.py beside this file:

    python baichuan_omni.py /models/Baichuan-Omni-1d5
"""

# ruff: noqa: PLC0415 - the tests read this file where torch need not be

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge import Answer, Turns, serve


def load(folder: str) -> Answer:
    """The model, as a function of turns and settings."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The checkpoint's own code runs here: you ask for it by starting this file.
    model = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, torch_dtype=torch.bfloat16
    ).cuda()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model.eval()
    model.bind_processor(tokenizer, training=False, relative_path="/")
    audio = model.config.audio_config
    start, end = tokenizer.convert_ids_to_tokens(
        [audio.audio_start_token_id, audio.audio_end_token_id]
    )

    def answer(turns: Turns, settings: Mapping[str, Any]) -> str:
        inputs = model.processor([prompt_of(turns, start, end)])
        torch.manual_seed(settings["seed"])
        with torch.inference_mode():
            tokens = model.generate(
                inputs.input_ids.cuda(),
                attention_mask=inputs.attention_mask.cuda(),
                audios=None if inputs.audios is None else inputs.audios.cuda(),
                encoder_length=None
                if inputs.encoder_length is None
                else inputs.encoder_length.cuda(),
                bridge_length=None if inputs.bridge_length is None else inputs.bridge_length.cuda(),
                tokenizer=tokenizer,
                **sampling(settings),
            )
        return str(tokenizer.decode(tokens[0, inputs.input_ids.shape[1] :], True)).strip()

    return answer


def prompt_of(turns: Turns, start: str, end: str) -> str:
    """Turns in Baichuan's own marks; a sound is named by its path."""
    marks = {"system": "<B_SYS>", "user": "<C_Q>", "assistant": "<C_A>"}
    said = [
        marks[role]
        + "".join(
            start + json.dumps({"path": str(part)}) + end if isinstance(part, Path) else part
            for part in parts
        )
        for role, parts in turns
    ]
    return "".join(said) + "<C_A>"


def sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as transformers names them."""
    asked: dict[str, Any] = {
        "max_new_tokens": settings["max_tokens"],
        "min_new_tokens": settings.get("min_tokens", 1),
        "do_sample": settings["temperature"] > 0,
    }
    if settings["temperature"] > 0:
        asked["temperature"] = settings["temperature"]
        asked["top_p"] = settings.get("top_p", 1.0)
        asked["top_k"] = max(0, settings.get("top_k", 0))
    asked["repetition_penalty"] = settings.get("repetition_penalty", 1.0)
    return asked


if __name__ == "__main__":
    serve(load(sys.argv[1]), model="baichuan-omni").serve_forever()
