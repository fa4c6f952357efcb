"""From votes of people and judges to estimates: win rates, shares, agreement, known answers."""

from equivoice.rating.analysis.agreement import (
    choice_agreement,
    comparison_votes,
    gold_accuracy,
    judge_agreement,
    scale_agreement,
)
from equivoice.rating.analysis.comparisons import (
    Comparisons,
    opinions,
    read_comparisons,
    win_rates,
)
from equivoice.rating.analysis.crossed import (
    Crossed,
    Range,
    item_interval,
    ranges,
    rater_interval,
    two_way_interval,
    wilson,
)
from equivoice.rating.analysis.rows import Uncertainty
from equivoice.rating.analysis.shares import choice_shares, scale_means

__all__ = [
    "Comparisons",
    "Crossed",
    "Range",
    "Uncertainty",
    "choice_agreement",
    "choice_shares",
    "comparison_votes",
    "gold_accuracy",
    "item_interval",
    "judge_agreement",
    "opinions",
    "ranges",
    "rater_interval",
    "read_comparisons",
    "scale_agreement",
    "scale_means",
    "two_way_interval",
    "wilson",
    "win_rates",
]
