"""``python -m analysis`` is ``promreview``."""

from analysis.cli import main

main()
