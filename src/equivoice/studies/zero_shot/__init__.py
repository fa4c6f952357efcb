"""The parts of the study ``zero_shot_audit``: scoring, tables, conventions, page."""
