"""What local language models share: loading, prefixes, sampling, option scores."""

from equivoice.models.decoding.checkpoint import checkpoint_settings, weights_fingerprint
from equivoice.models.decoding.loading import (
    LoadOptions,
    describe_loading,
    load_pretrained,
    load_processing,
)
from equivoice.models.decoding.prefix import Prefix, run_prompt

__all__ = [
    "LoadOptions",
    "Prefix",
    "checkpoint_settings",
    "describe_loading",
    "load_pretrained",
    "load_processing",
    "run_prompt",
    "weights_fingerprint",
]
