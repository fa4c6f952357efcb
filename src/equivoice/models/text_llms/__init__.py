"""Language models that read transcripts."""
