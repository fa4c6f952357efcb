"""Groups, the gaps between them, and the rules that benchmarks follow."""

from equivoice.fairness.aggregators import (
    CLASS_AGGREGATORS,
    GROUP_AGGREGATORS,
    ClassAggregator,
    GroupAggregator,
)
from equivoice.fairness.conventions import CONVENTIONS, Convention, convention
from equivoice.fairness.groups import CROSSING, Grouping, group_items
from equivoice.fairness.measures import NAMED_MEASURES, Measure, gap_function, named_measures

__all__ = [
    "CLASS_AGGREGATORS",
    "CONVENTIONS",
    "CROSSING",
    "GROUP_AGGREGATORS",
    "NAMED_MEASURES",
    "ClassAggregator",
    "Convention",
    "GroupAggregator",
    "Grouping",
    "Measure",
    "convention",
    "gap_function",
    "group_items",
    "named_measures",
]
