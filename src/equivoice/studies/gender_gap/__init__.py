"""The parts of the study ``gender_gap_benchmark``: reading, measuring, tables, page."""
