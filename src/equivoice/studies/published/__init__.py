"""Numbers that papers printed, as data with their source and their known slips."""

from equivoice.studies.published.reading import (
    LeftOut,
    Number,
    PublishedGap,
    PublishedModel,
    PublishedScore,
    PublishedStudy,
    Slip,
    load_published,
)

__all__ = [
    "LeftOut",
    "Number",
    "PublishedGap",
    "PublishedModel",
    "PublishedScore",
    "PublishedStudy",
    "Slip",
    "load_published",
]
