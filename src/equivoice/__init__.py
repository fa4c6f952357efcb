"""Speech emotion recognition in which every voice counts."""
