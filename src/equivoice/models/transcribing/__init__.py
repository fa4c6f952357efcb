"""From speech to words: transcripts by a model, for corpora that have none."""

from equivoice.models.transcribing.whisper import Transcript, WhisperTranscriber

__all__ = ["Transcript", "WhisperTranscriber"]
