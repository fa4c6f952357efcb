"""How servers that speak OpenAI's protocol differ in what they take.

The protocol leaves open where a top-k or a repetition penalty stands in a request,
and what holds where none is sent. Two traps are closed here:

- vLLM, llama.cpp and ``transformers serve`` fill what a request leaves out from the
  checkpoint or from defaults of their own. A setting that is to be off is therefore
  sent as off, and never left out.
- ``transformers serve`` ignores a temperature unless the checkpoint samples anyway,
  and sets one seed for the whole process: it is told to sample, and is asked for one
  answer at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.language import Decoding, Draw

__all__ = ["DIALECTS", "Dialect", "request_fields"]

Fields = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """One kind of server.

    Args:
        name: as the option ``server`` names it.
        offers: the settings of :class:`Decoding` that it can be told.
        length_field: the request's field for the most tokens of an answer.
        write: turns temperature, seed and decoding into fields of a request.
        seed_bits: seeds are sent modulo two to this power.
        concurrent: whether seeds hold where several requests run at once.
        owners: what its ``/v1/models`` says in ``owned_by``.
    """

    name: str
    offers: frozenset[str]
    length_field: str
    write: Callable[[Dialect, Draw, Decoding], Fields]
    seed_bits: int = 63
    concurrent: bool = True
    owners: tuple[str, ...] = ()

    def seed(self, draw: Draw) -> int:
        """The seed as this server takes it."""
        return draw.seed % (1 << self.seed_bits)


def request_fields(dialect: Dialect, draw: Draw, decoding: Decoding) -> Fields:
    """The fields of a request that say how to sample.

    Raises:
        ConfigError: the decoding needs what this kind of server cannot be told.

    Example:
        >>> fields = request_fields(DIALECTS["vllm"], Draw(0.7, 5), Decoding.neutral())
        >>> fields["temperature"], fields["seed"], fields["top_k"], fields["min_p"]
        (0.7, 5, -1, 0.0)
    """
    wanted = {
        "top_k": bool(decoding.top_k),
        "repetition_penalty": decoding.repetition_penalty not in (None, 1.0),
        "min_new_tokens": decoding.min_new_tokens > 1,
    }
    problems = [
        f"{name}: a server of the kind {dialect.name!r} cannot be told it; leave it out, or put "
        "the server's own field into extra_body"
        for name, asked in wanted.items()
        if asked and name not in dialect.offers
    ]
    if problems:
        raise ConfigError.from_problems(problems)
    return dialect.write(dialect, draw, decoding)


def _neutral(decoding: Decoding) -> bool:
    return (decoding.top_p, decoding.top_k, decoding.repetition_penalty) == (1.0, 0, 1.0)


def _base(dialect: Dialect, draw: Draw, decoding: Decoding) -> Fields:
    fields: Fields = {
        "temperature": draw.temperature,
        "seed": dialect.seed(draw),
        dialect.length_field: decoding.max_new_tokens,
    }
    if decoding.top_p is not None:
        fields["top_p"] = decoding.top_p
    return fields


def _vllm(dialect: Dialect, draw: Draw, decoding: Decoding) -> Fields:
    fields = _base(dialect, draw, decoding) | {"min_tokens": decoding.min_new_tokens}
    if decoding.top_k is not None:
        fields["top_k"] = decoding.top_k or -1
    if decoding.repetition_penalty is not None:
        fields["repetition_penalty"] = decoding.repetition_penalty
    if _neutral(decoding):
        fields["min_p"] = 0.0
    return fields


def _llama_cpp(dialect: Dialect, draw: Draw, decoding: Decoding) -> Fields:
    fields = _base(dialect, draw, decoding)
    if decoding.top_k is not None:
        fields["top_k"] = decoding.top_k
    if decoding.repetition_penalty is not None:
        fields["repeat_penalty"] = decoding.repetition_penalty
    if _neutral(decoding):
        fields["min_p"] = 0.0
    return fields


def _transformers(dialect: Dialect, draw: Draw, decoding: Decoding) -> Fields:
    """All but the seed travels as a generation config; what it leaves out is the checkpoint's."""
    config: Fields = {
        "do_sample": draw.temperature > 0,
        "max_new_tokens": decoding.max_new_tokens,
        "min_new_tokens": decoding.min_new_tokens,
    }
    if draw.temperature > 0:
        config["temperature"] = draw.temperature
        given = {"top_p": decoding.top_p, "top_k": decoding.top_k}
        config |= {name: value for name, value in given.items() if value is not None}
        if _neutral(decoding):
            config["min_p"] = 0.0
    if decoding.repetition_penalty is not None:
        config["repetition_penalty"] = decoding.repetition_penalty
    return {"seed": dialect.seed(draw), "generation_config": json.dumps(config, sort_keys=True)}


_ALL = frozenset({"top_k", "repetition_penalty", "min_new_tokens"})

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        each.name: each
        for each in (
            Dialect(
                "openai",
                frozenset(),
                "max_completion_tokens",
                _base,
                owners=("openai", "system"),
            ),
            Dialect("vllm", _ALL, "max_tokens", _vllm, owners=("vllm",)),
            Dialect(
                "transformers",
                _ALL,
                "generation_config.max_new_tokens",
                _transformers,
                concurrent=False,
            ),
            Dialect(
                "llama.cpp",
                frozenset({"top_k", "repetition_penalty"}),
                "max_tokens",
                _llama_cpp,
                seed_bits=31,
                owners=("llamacpp", "llama.cpp"),
            ),
        )
    }
)
"""The kinds of servers that are known, by name."""
