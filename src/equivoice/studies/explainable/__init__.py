"""Parts of the study of the explainable SpeechLM's table."""
