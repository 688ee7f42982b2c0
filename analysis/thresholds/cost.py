"""What the review will ask the server, from counts alone."""

from analysis.errors import PromreviewError
from analysis.prometheus.promql import comparisons, parse
from analysis.prometheus.rehearsal import Rehearsal
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.answers import Answers
from analysis.thresholds.collect import grid_of, reviewed_rules, rule_groups
from analysis.thresholds.measure import asked_for, is_never_evaluated
from analysis.thresholds.missing import existing_metrics, missing_metrics
from analysis.thresholds.reading import as_read
from analysis.thresholds.sides import Evaluator
from analysis.window import Window, parse_duration


def rehearse(prom: Rehearsal, settings: ThresholdDriftSettings, window: Window) -> None:
    """Go through the review's questions; `prom` keeps what they cost.

    Args:
        prom: counts instead of pulling.
        settings: of the review.
        window: the month under review.

    Raises:
        SourceError: the server cannot be asked at all; a single broken rule does not raise.
    """
    rules = reviewed_rules(rule_groups(prom, settings), settings)
    existing = existing_metrics(prom, [rule for _, rule in rules], window)
    for group, rule in rules:
        try:
            if not is_never_evaluated(prom, group, settings) and not missing_metrics(parse(rule.expr), existing):
                _rehearse_rule(prom, group, rule, settings, window)
        except PromreviewError as error:
            if error.exit_code == 3:
                raise


def _rehearse_rule(
    prom: Rehearsal, group: RuleGroup, rule: Rule, settings: ThresholdDriftSettings, window: Window
) -> None:
    grid = grid_of(prom, group, window, parse_duration(settings.default_interval), prom.source().version)
    asked = asked_for(window, settings)
    answers = Answers(prom, group, grid, asked)
    answers.seen_ms(answers.samples(rule))
    tree = parse(as_read(group, rule).expr)
    Evaluator(tree, answers)([found.threshold for found in comparisons(tree)])
