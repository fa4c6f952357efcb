"""What raters said: counts, labels by rule, agreement, and people as systems."""

from equivoice.annotators.checks import VoteFinding, check_votes
from equivoice.annotators.counts import OTHER, Ratings, ReadVotes, VoteCounts, channels, read_votes
from equivoice.annotators.dawid_skene import DawidSkene, dawid_skene
from equivoice.annotators.names import agreement_system, human_system, is_agreement, is_human
from equivoice.annotators.rules import (
    REASONS,
    RULES,
    STRATA,
    Aggregation,
    Rule,
    aggregate,
    strata,
    winners,
)

__all__ = [
    "OTHER",
    "REASONS",
    "RULES",
    "STRATA",
    "Aggregation",
    "DawidSkene",
    "Ratings",
    "ReadVotes",
    "Rule",
    "VoteCounts",
    "VoteFinding",
    "aggregate",
    "agreement_system",
    "channels",
    "check_votes",
    "dawid_skene",
    "human_system",
    "is_agreement",
    "is_human",
    "read_votes",
    "strata",
    "winners",
]
