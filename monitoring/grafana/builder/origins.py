"""Where logins come from: countries, and what threat intelligence knows of their addresses."""

from monitoring.grafana.builder.frame import Panel
from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.panels import Query, bars, graph
from monitoring.grafana.builder.world import world

CHOSEN = 'instance=~"$instance",country=~"$country"'
MATCHES = 'auth_threat_indicator_matches_total{instance=~"$instance"}'


def countries() -> list[Panel]:
    """Attempts and failures by country, on a map too."""
    attempts = f"sum by (country) (increase(auth_requests_total{{{CHOSEN}}}[$__range]))"
    failed = f"sum by (country) (increase(auth_failed_logins_total{{{CHOSEN}}}[$__range]))"
    return [
        world(
            "Login attempts by country",
            "Attempts of the chosen range, on the country that the auth service names (ISO 3166-1, two letters).",
            "short",
            Query(attempts),
            "country",
        ),
        bars(
            "Failed logins by country",
            "Failed logins of the chosen range: the ten countries with most.",
            "short",
            Query(f"sort_desc(topk(10, {failed}))", "{{country}}"),
        )
        .height(14)
        .span(8),
        graph(
            "Failed logins per minute, by country",
            "The ten countries with most failures at each moment.",
            "short",
            Query(
                f"60 * topk(10, sum by (country) (rate(auth_failed_logins_total{{{CHOSEN}}}[$__rate_interval])))",
                "{{country}}",
            ),
        ),
        graph(
            "Share of logins that fail, by country",
            "Over an hour, so that countries with few logins do not jump.",
            "percentunit",
            Query(
                f'sum by (country) (rate(auth_requests_total{{status="failure",{CHOSEN}}}[1h]))'
                f" / sum by (country) (rate(auth_requests_total{{{CHOSEN}}}[1h]))",
                "{{country}}",
            ),
        ),
    ]


def threats() -> list[Panel]:
    """Logins from addresses that a feed knows."""
    return [
        graph(
            "Logins from known bad addresses in an hour, by feed",
            "Matches with threat intelligence; ThreatIndicatorMatches begins at the dashed line.",
            "short",
            Query(f"sum by (feed) (increase({MATCHES}[1h]))", "{{feed}}"),
            limit=limit("ThreatIndicatorMatches"),
        ),
        bars(
            "Logins from known bad addresses in the chosen range, by feed",
            "Which feed knew them.",
            "short",
            Query(f"sort_desc(sum by (feed) (increase({MATCHES}[$__range])))", "{{feed}}"),
        ),
    ]
