"""The parts of the study of fair fine-tuning."""
