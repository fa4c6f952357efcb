"""What a small speech LLM starts from: weights set from training speech, without gradients."""

from equivoice.models.small_start.layout import Layout
from equivoice.models.small_start.start import SpeechStart, start_from_speech

__all__ = ["Layout", "SpeechStart", "start_from_speech"]
