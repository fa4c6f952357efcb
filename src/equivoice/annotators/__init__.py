"""What raters said: counts, labels by rule, agreement, and people as systems."""

from equivoice.annotators.agreement import agreement_metrics, agreement_statistics, vote_entropies
from equivoice.annotators.ceiling import (
    given_tables,
    left_out,
    left_out_credit,
    left_out_statistics,
    left_out_tables,
    listener_shares,
    plurality_shares,
    table_statistics,
)
from equivoice.annotators.checks import VoteFinding, check_votes
from equivoice.annotators.cohen import cohen_kappa, cohen_metrics, cohen_statistics
from equivoice.annotators.counts import OTHER, Ratings, ReadVotes, VoteCounts, channels, read_votes
from equivoice.annotators.dawid_skene import DawidSkene, dawid_skene
from equivoice.annotators.expected import expected_score_by_simulation, half_scores
from equivoice.annotators.halves import half_statistics, half_tables, halves
from equivoice.annotators.names import agreement_system, human_system, is_agreement, is_human
from equivoice.annotators.others import OtherVotes
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
    "OtherVotes",
    "Ratings",
    "ReadVotes",
    "Rule",
    "VoteCounts",
    "VoteFinding",
    "aggregate",
    "agreement_metrics",
    "agreement_statistics",
    "agreement_system",
    "channels",
    "check_votes",
    "cohen_kappa",
    "cohen_metrics",
    "cohen_statistics",
    "dawid_skene",
    "expected_score_by_simulation",
    "given_tables",
    "half_scores",
    "half_statistics",
    "half_tables",
    "halves",
    "human_system",
    "is_agreement",
    "is_human",
    "left_out",
    "left_out_credit",
    "left_out_statistics",
    "left_out_tables",
    "listener_shares",
    "plurality_shares",
    "read_votes",
    "strata",
    "table_statistics",
    "vote_entropies",
    "winners",
]
