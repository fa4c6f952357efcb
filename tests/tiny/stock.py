"""What stock transformers makes of a question: the oracle for our own roads to it.

Each function gives the stock model and the inputs that the stock processor makes of
sounds and one text, by the calls of the models' own documentation.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["STOCK", "Stock", "teacher_forced"]


@dataclass(frozen=True)
class Stock:
    """A stock model and the inputs of n questions, left-padded.

    Args:
        model: as transformers loads it.
        inputs: what its processor made.
        tokenizer: the processor's.
    """

    model: Any
    inputs: dict[str, Any]
    tokenizer: Any

    def logits(self) -> Any:
        """(n, V): of the first token of each answer."""
        import torch

        with torch.no_grad():
            return self.model(**self.inputs).logits[:, -1].float()

    def greedy(self, tokens: int, **settings: Any) -> list[str]:
        """The answers of ``generate`` without sampling."""
        import torch

        width = self.inputs["input_ids"].shape[1]
        with torch.no_grad():
            ids = self.model.generate(
                **self.inputs, do_sample=False, max_new_tokens=tokens, min_new_tokens=1, **settings
            )
        return [self.tokenizer.decode(row[width:], skip_special_tokens=True) for row in ids]


def teacher_forced(stock: Stock, answers: Sequence[Sequence[int]], temperature: float) -> Any:
    """(n, K) log-probabilities of whole answers, each forced token by token."""
    import torch

    found = []
    for answer in answers:
        inputs = dict(stock.inputs)
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        more = torch.tensor([list(answer)]).expand(len(ids), -1)
        inputs["input_ids"] = torch.cat([ids, more], dim=1)
        inputs["attention_mask"] = torch.cat([mask, torch.ones_like(more)], dim=1)
        with torch.no_grad():
            logits = stock.model(**inputs).logits[:, ids.shape[1] - 1 : -1]
        logs = (logits.double() / temperature).log_softmax(-1)
        found.append(logs.gather(2, more[..., None])[..., 0].sum(1))
    return torch.stack(found, dim=1)


def _conversations(sounds: Sequence[Path], text: str) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "role": "user",
                "content": [{"type": "audio", "path": str(path)}, {"type": "text", "text": text}],
            }
        ]
        for path in sounds
    ]


def _by_processor(folder: Path, kind: str, sounds: Sequence[Path], text: str) -> Stock:
    import transformers

    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(
        text=processor.apply_chat_template(
            _conversations(sounds, text), tokenize=False, add_generation_prompt=True
        ),
        audio=_heard(sounds),
        text_kwargs={"padding": True},
        audio_kwargs={"sampling_rate": 16_000},
        return_tensors="pt",
    )
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    return Stock(model, dict(inputs), processor.tokenizer)


def _heard(sounds: Sequence[Path]) -> list[Any]:
    import soundfile

    return [soundfile.read(path, dtype="float32")[0] for path in sounds]


def qwen2_audio(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    return _by_processor(folder, "Qwen2AudioForConditionalGeneration", sounds, text)


def audio_flamingo3(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    return _by_processor(folder, "AudioFlamingo3ForConditionalGeneration", sounds, text)


def glm_asr(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    return _by_processor(folder, "GlmAsrForConditionalGeneration", sounds, text)


def voxtral(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    import transformers

    processor = transformers.AutoProcessor.from_pretrained(folder)
    asked = _conversations(sounds, text)
    for conversation, path in zip(asked, sounds, strict=True):
        sound = base64.b64encode(path.read_bytes()).decode()
        conversation[0]["content"][0] = {"type": "audio", "base64": sound}
    inputs = processor.apply_chat_template(asked)
    model = transformers.VoxtralForConditionalGeneration.from_pretrained(folder).eval()
    return Stock(model, dict(inputs), processor.tokenizer)


def qwen2_5_omni(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    """By its parts, as its processor puts them together: that needs torchvision."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    sound = extractor(
        _heard(sounds),
        sampling_rate=16_000,
        padding="max_length",
        return_attention_mask=True,
        return_tensors="pt",
    )
    frames = sound["attention_mask"].sum(-1)
    counts = (((frames - 1) // 2 + 1) - 2) // 2 + 1
    rendered = tokenizer.apply_chat_template(
        _conversations(sounds, text), tokenize=False, add_generation_prompt=True
    )
    widened = [
        each.replace("<|AUDIO|>", "<|AUDIO|>" * int(count))
        for each, count in zip(rendered, counts, strict=True)
    ]
    inputs = tokenizer(widened, padding=True, return_tensors="pt")
    kind = transformers.Qwen2_5OmniThinkerForConditionalGeneration
    return Stock(
        kind.from_pretrained(folder).eval(),
        {
            "input_ids": inputs["input_ids"],
            "attention_mask": inputs["attention_mask"],
            "input_features": sound["input_features"],
            "feature_attention_mask": sound["attention_mask"],
        },
        tokenizer,
    )


def granite_speech(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    """One sound: its encoder attends to the padding that a longer one brings."""
    import transformers

    processor = transformers.AutoProcessor.from_pretrained(folder)
    rendered = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": f"<|audio|>{text}"}],
        tokenize=False,
        add_generation_prompt=True,
        chat_template=processor.chat_template,
    )
    inputs = processor(rendered, _heard(sounds)[0], return_tensors="pt")
    model = transformers.GraniteSpeechForConditionalGeneration.from_pretrained(folder).eval()
    return Stock(model, dict(inputs), processor.tokenizer)


def salmonn(folder: Path, sounds: Sequence[Path], text: str) -> Stock:
    """As its makers put it together, from parts that are held against their outputs elsewhere."""
    from tiny.plain_salmonn import plain_salmonn

    return Stock(*plain_salmonn(folder, _heard(sounds), text))


STOCK = {
    "qwen2_audio": qwen2_audio,
    "audio_flamingo3": audio_flamingo3,
    "voxtral": voxtral,
    "qwen2_5_omni": qwen2_5_omni,
    "glm_asr": glm_asr,
    "granite_speech": granite_speech,
    "salmonn": salmonn,
}
"""By the names of :data:`tiny.speech.SAVERS`."""
