"""What a checkpoint brings besides weights: its own generation settings, and its identity.

A checkpoint may hide settings in ``generation_config.json`` that change every
answer: Qwen2-Audio's has a repetition penalty and a top-k. They are read, those
that are honoured are kept apart from those that are not, and both are recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["GENERATE_DEFAULTS", "HONOURED", "checkpoint_settings", "weights_fingerprint"]

HONOURED = ("top_p", "top_k", "repetition_penalty", "eos_token_id")
"""The settings of a checkpoint that shape answers here, as they do in ``generate``."""

_OVERRIDDEN = ("do_sample", "temperature", "max_new_tokens", "max_length", "min_new_tokens")
_NEUTRAL: Mapping[str, Any] = MappingProxyType(
    {
        "encoder_repetition_penalty": 1.0,
        "epsilon_cutoff": 0.0,
        "eta_cutoff": 0.0,
        "guidance_scale": 1.0,
        "length_penalty": 1.0,
        "min_length": 0,
        "no_repeat_ngram_size": 0,
        "encoder_no_repeat_ngram_size": 0,
        "num_beams": 1,
        "num_beam_groups": 1,
        "penalty_alpha": 0.0,
        "renormalize_logits": False,
        "remove_invalid_values": False,
        "typical_p": 1.0,
    }
)
_SHAPING = (
    *_NEUTRAL,
    "bad_words_ids",
    "begin_suppress_tokens",
    "constraints",
    "exponential_decay_length_penalty",
    "force_words_ids",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "min_p",
    "sequence_bias",
    "stop_strings",
    "suppress_tokens",
    "top_h",
    "watermarking_config",
)

GENERATE_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"top_k": 50, "top_p": 1.0, "repetition_penalty": 1.0}
)
"""What ``generate`` of transformers 5 takes where neither caller nor checkpoint says."""

_WHOLE_BYTES = 64 * 2**20
_BLOCK_BYTES = 16 * 2**10
_BLOCKS = 256
_SMALL_FILES = ("*.json", "*.jinja", "*.model", "*.txt")


def checkpoint_settings(model: Any) -> dict[str, Any]:
    """The generation settings that a checkpoint brings, as JSON can hold them.

    Args:
        model: as transformers loads it.

    Returns:
        ``top_p``, ``top_k``, ``repetition_penalty``, ``temperature``, ``do_sample``
        as the checkpoint has them (``None`` where it says nothing);
        ``eos_token_id``: a list of ids that end an answer; ``pad_token_id``; and
        ``ignored``: settings of the checkpoint that would shape ``generate``'s
        answers and are not honoured here, with their values.

    Example:
        >>> from types import SimpleNamespace
        >>> config = SimpleNamespace(top_k=20, repetition_penalty=1.1, eos_token_id=2, num_beams=4)
        >>> settings = checkpoint_settings(SimpleNamespace(generation_config=config))
        >>> settings["top_k"], settings["eos_token_id"], settings["ignored"]
        (20, [2], {'num_beams': 4})
    """
    config = getattr(model, "generation_config", None)
    ends = getattr(config, "eos_token_id", None)
    ends = [] if ends is None else [ends] if isinstance(ends, int) else [int(end) for end in ends]
    plain = ("top_p", "top_k", "repetition_penalty", *_OVERRIDDEN, "pad_token_id")
    settings = {name: getattr(config, name, None) for name in plain}
    ignored = {name: getattr(config, name, None) for name in _SHAPING}
    return {
        **settings,
        "eos_token_id": ends,
        "ignored": {
            name: _plain(value)
            for name, value in ignored.items()
            if value is not None and value != _NEUTRAL.get(name)
        },
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool)) else repr(value)


def weights_fingerprint(folder: str | Path) -> str:
    """A hash by which two checkpoints are told apart, without reading all of them.

    Every file of settings and vocabulary and every weights file of up to 64 MiB
    counts in full; of a larger one its size, its first block (the safetensors
    header begins there) and 256 blocks of 16 KiB, evenly spread.

    Args:
        folder: of a saved model.

    Returns:
        ``sha256-sampled:`` or ``sha256:`` and 64 hexadecimal digits.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     _ = (Path(place) / "model.safetensors").write_bytes(b"weights")
        ...     weights_fingerprint(place)[:20]
        'sha256:60f014d5ca56b'
    """
    folder = Path(folder)
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    small = [path for pattern in _SMALL_FILES for path in folder.glob(pattern)]
    digest = hashlib.sha256()
    sampled = False
    for path in sorted({*weights, *small}):
        size = path.stat().st_size
        sampled |= size > _WHOLE_BYTES
        digest.update(f"{path.name}\n{size}\n".encode())
        digest.update(_content_hash(path, size))
    return f"sha256{'-sampled' if sampled else ''}:{digest.hexdigest()}"


def _content_hash(path: Path, size: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _WHOLE_BYTES:
            while block := file.read(2**20):
                digest.update(block)
            return digest.digest()
        for number in range(_BLOCKS):
            file.seek(number * (size - _BLOCK_BYTES) // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK_BYTES))
    return digest.digest()
