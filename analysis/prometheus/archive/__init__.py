"""The archive: what was pulled from a server, kept when the server forgets it."""

from analysis.prometheus.archive.answers import Answers
from analysis.prometheus.archive.dataset import Dataset
from analysis.prometheus.archive.recorder import Recorder
from analysis.prometheus.archive.root import Archive

__all__ = ["Answers", "Archive", "Dataset", "Recorder"]
