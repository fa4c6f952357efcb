"""SALMONN put together step by step, one clip at a time, as its makers describe it.

The parts are those of :mod:`equivoice.models.salmonn`, which golden outputs of the release
hold to account; what is plain here is how they are joined: the prompt, the windows by
``unfold``, the embeddings beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, WhisperFeatureExtractor

from equivoice.models.salmonn.beats import normalised
from equivoice.models.salmonn.filter_bank import filter_bank
from equivoice.models.salmonn.model import SalmonnForConditionalGeneration

__all__ = ["PlainSalmonn", "plain_salmonn"]

_RATE = 16_000


class PlainSalmonn(SalmonnForConditionalGeneration):
    """The same weights, run plainly."""

    def forward(
        self,
        input_ids: Any,
        attention_mask: Any,
        features: Any = None,
        waves: Sequence[Any] = (),
        **_: Any,
    ) -> Any:
        embeds = self._embedded(input_ids, features, waves)
        return self.language_model(inputs_embeds=embeds, attention_mask=attention_mask)

    def generate(  # type: ignore[override]
        self, input_ids: Any, attention_mask: Any, features: Any, waves: Any, **settings: Any
    ) -> Any:
        new = self.language_model.generate(
            inputs_embeds=self._embedded(input_ids, features, waves),
            attention_mask=attention_mask,
            eos_token_id=self.generation_config.eos_token_id,
            pad_token_id=self.generation_config.pad_token_id,
            **settings,
        )
        return torch.cat([input_ids, new], dim=1)

    def _embedded(self, ids: Any, features: Any, waves: Sequence[Any]) -> Any:
        embeds = self.language_model.model.embed_tokens(ids)
        rows = []
        for row, wave, feature, tokens in zip(embeds, waves, features, ids, strict=True):
            sound = self._heard(wave, feature)
            (places,) = torch.nonzero(tokens == self.config.audio_token_id, as_tuple=True)
            first, last = int(places[0]), int(places[-1])
            assert last - first + 1 == len(sound)
            rows.append(torch.cat([row[:first], sound, row[last + 1 :]]))
        return torch.stack(rows)

    def _heard(self, wave: Any, feature: Any) -> Any:
        """The embeddings of one clip."""
        projector = self.multi_modal_projector
        speech = self.audio_tower.whisper(feature[None]).last_hidden_state
        audio = self.audio_tower.beats(normalised(filter_bank(wave))[None])
        speech, audio = projector.ln_speech(speech), projector.ln_audio(audio)
        audio = torch.nn.functional.pad(audio, (0, 0, 0, speech.shape[1] - audio.shape[1]))
        both = torch.cat([speech, audio], dim=-1)
        width, kernel = both.shape[-1], (1, round(1500 * 0.333333 / 30))
        cut = torch.nn.functional.unfold(both.transpose(1, 2)[:, :, None], kernel, stride=kernel)
        windows = cut.view(width, kernel[1], -1).permute(2, 1, 0)
        found = projector.qformer(
            query_embeds=projector.query_tokens.expand(len(windows), -1, -1),
            encoder_hidden_states=windows,
            encoder_attention_mask=torch.ones(windows.shape[:-1], dtype=torch.long),
        ).last_hidden_state
        return projector.proj(found).flatten(0, 1)


def plain_salmonn(
    folder: Path, waves: Sequence[Any], text: str
) -> tuple[PlainSalmonn, dict[str, Any], Any]:
    """The model, its inputs for some clips and one text, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = PlainSalmonn.from_pretrained(folder).eval()
    waves = [np.pad(wave, (0, max(0, _RATE - len(wave)))) for wave in waves]
    features = WhisperFeatureExtractor.from_pretrained(folder)(
        waves, sampling_rate=_RATE, return_tensors="pt"
    )["input_features"]
    before = tokenizer("USER: <Speech>", add_special_tokens=False)["input_ids"]
    after = tokenizer(f"</Speech> {text}\nASSISTANT:", add_special_tokens=False)["input_ids"]
    places = [model.config.audio_token_id] * 88
    ids = torch.tensor([[tokenizer.bos_token_id, *before, *places, *after]] * len(waves))
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "features": features,
        "waves": [torch.from_numpy(wave) for wave in waves],
    }
    return model, inputs, tokenizer
