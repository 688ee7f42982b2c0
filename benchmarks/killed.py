"""Reviews killed at twenty random moments: whether what was resumed says what a run that nobody killed says.

The three reports of a month with four days of data, on a private Prometheus, without an archive. A run that ends before
its moment is compared, and the next begins in a folder of its own.
"""

import random
import sys
import tempfile
from pathlib import Path

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.datasets.demo import demo_month
from analysis.prometheus.private_server import PrivatePrometheus

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests kill the same way, three times

from tests.report.killed import REPOSITORY, Review, findings_of

KILLS = 20
REPORTS = ["login_anomalies", "cardinality_growth", "threshold_drift"]
RULES = REPOSITORY / "monitoring/prometheus/sla-rules.yml"
CONFIG = "global: {evaluation_interval: 1m}\nrule_files: ['*-rules.yml']\n"


def main():
    """Kill, resume, compare."""
    seed = random.SystemRandom().randrange(10**9)
    rng, killed, rounds = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as folder, PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        platform, _, _ = demo_month(days=4, seed=7)
        backfill(server.url, platform.samples)
        server.reload({RULES.name: RULES.read_text(), "prometheus.yml": CONFIG})
        review = Review(REPOSITORY / "notebooks", REPORTS, folder, server.url)
        longest = review.run(Path(folder) / "clean")
        clean = findings_of(Path(folder) / "clean")
        count = sum(len(document["findings"]) for document in clean)
        print(f"one clean run: {longest:.0f} s, {count} findings in {len(clean)} reports; seed {seed}")
        while killed < KILLS:
            outputs, rounds = Path(folder) / f"run-{rounds}", rounds + 1
            killed += review.killed(outputs, KILLS - killed, rng, longest)
            if findings_of(outputs) != clean:
                sys.exit(f"what was resumed differs from one clean run in round {rounds} (seed {seed})")
    print(f"killed {killed} times in {rounds} reviews: every one was completed, with the findings of the clean run")


if __name__ == "__main__":
    main()
