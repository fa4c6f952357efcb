"""People and language models judge labels and reasons: rubrics, judges, studies, analysis."""
