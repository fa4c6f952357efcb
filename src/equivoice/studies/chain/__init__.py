"""The parts of the study of the whole chain of reasons."""
