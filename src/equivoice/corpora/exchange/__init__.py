"""Exchange with other tools: their answers in, prompts and sound out."""

from equivoice.corpora.exchange.answers import Answer
from equivoice.corpora.exchange.joining import Keys, join_answers, read_keys
from equivoice.corpora.exchange.predictions import (
    FOREIGN_FORMATS,
    Foreign,
    foreign_format,
    read_foreign,
)
from equivoice.corpora.exchange.sharegpt import (
    Conversation,
    Exported,
    export_sharegpt,
    read_sharegpt,
)

__all__ = [
    "FOREIGN_FORMATS",
    "Answer",
    "Conversation",
    "Exported",
    "Foreign",
    "Keys",
    "export_sharegpt",
    "foreign_format",
    "join_answers",
    "read_foreign",
    "read_keys",
    "read_sharegpt",
]
