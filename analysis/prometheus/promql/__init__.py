"""PromQL as a syntax tree: reading, walking, taking comparisons apart, writing and quoting.

Nothing in this package puts PromQL together from text except through `quote` and `selector`.
"""

from analysis.prometheus.promql.comparing import COMPARISONS, Comparison, comparison, comparisons, number
from analysis.prometheus.promql.rewriting import (
    has_anchor,
    has_anchor_in_subquery,
    text_of,
    with_matcher,
    with_offset,
    with_thresholds,
    without_anchors,
)
from analysis.prometheus.promql.tree import Selector, Usage, children, labels_used, metric_names, parse, selectors, walk
from analysis.prometheus.promql.writing import format_number, label_name, quote, selector

__all__ = [
    "COMPARISONS",
    "Comparison",
    "Selector",
    "Usage",
    "children",
    "comparison",
    "comparisons",
    "format_number",
    "has_anchor",
    "has_anchor_in_subquery",
    "label_name",
    "labels_used",
    "metric_names",
    "number",
    "parse",
    "quote",
    "selector",
    "selectors",
    "text_of",
    "walk",
    "with_matcher",
    "with_offset",
    "with_thresholds",
    "without_anchors",
]
