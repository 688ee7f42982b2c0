"""Write the dashboards: ``python -m monitoring.grafana.builder [FOLDER]``."""

import sys
from pathlib import Path

from monitoring.grafana.builder.shipped import write

if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "dashboards")
