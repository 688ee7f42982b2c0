"""The archive: datasets of days, one per source, query, step and phase; a day counts once its manifest is there.

    FORMAT                                 the version of this layout
    SOURCE/source.json                     whose data it is (a URL without credentials, the tenant)
    SOURCE/QUERY/dataset.json              the query, its step and phase
    SOURCE/QUERY/days/2026-10-01.json      the day's manifest: file, checksum, series and their numbers of samples
    SOURCE/QUERY/days/2026-09-CHECKSUM.json  the manifests of a month that is over, in one (format 2)
    SOURCE/QUERY/data/CHECKSUM.parquet     the samples, named by their content and never changed

SOURCE and QUERY are checksums of what they stand for. Rename and lock are how a local disk makes
a file appear whole, and an object store does that by itself: `store` and `object_store` know of it.
"""

from collections.abc import Iterator
from pathlib import Path

from analysis.errors import ArchiveError
from analysis.prometheus.archive.dataset import Dataset
from analysis.prometheus.archive.describing import ANSWERS, key_text, parsed
from analysis.prometheus.archive.manifests import FORMAT, FORMAT_MONTHS, checksum_name
from analysis.prometheus.archive.object_store import ObjectStore, is_object_store
from analysis.prometheus.archive.sealed import unpacked
from analysis.prometheus.archive.store import LocalStore, Store
from analysis.prometheus.promql import parse

_READABLE = (str(FORMAT).encode(), str(FORMAT_MONTHS).encode())


class Archive:
    """A folder of datasets.

    Args:
        root: the folder, or the URL of an object store, such as ``s3://bucket/archive``.

    Raises:
        ArchiveError: it was written by a newer version.
    """

    def __init__(self, root: Path | str) -> None:
        """Look at its version; nothing is written yet."""
        where = str(root)
        self.store: Store = (
            ObjectStore(where) if is_object_store(where) else LocalStore(Path(where.removeprefix("file://")))
        )
        written = self.store.read("FORMAT")
        if written is not None and written.strip() not in _READABLE:
            shown = written.decode("utf-8", "replace").strip()[:20]
            if not shown.isdecimal() or int(shown) < FORMAT:
                raise ArchiveError(f"the archive {self.store.root} has a damaged FORMAT; write {FORMAT_MONTHS} into it")
            newest = f"this promreview reads up to {FORMAT_MONTHS}; use a newer one"
            raise ArchiveError(f"the archive {self.store.root} has format {shown}, {newest}")

    def dataset(self, source: str, expr: str, step_ms: int, phase_ms: int) -> Dataset:
        """The dataset of a query; blanks and the order of nothing else in it do not matter.

        Args:
            source: whose data it is: URL without credentials, and tenant.
            expr: PromQL.
            step_ms: step in milliseconds.
            phase_ms: phase in milliseconds.
        """
        key = {"expr": str(parse(expr)), "step_ms": step_ms, "phase_ms": phase_ms}
        folder = f"{checksum_name(source)}/{checksum_name(key_text(key))}"
        return Dataset(self.store, folder, source, key)

    def datasets(self) -> Iterator[Dataset]:
        """Every dataset that is held."""
        for source in self.store.folders("."):
            about = parsed(self.store.read(f"{source}/source.json"))
            for query in self.store.folders(source):
                key = parsed(self.store.read(f"{source}/{query}/dataset.json"))
                if checksum_name(key_text(key)) == query:
                    yield Dataset(self.store, f"{source}/{query}", str(about.get("source", "")), key)

    def problems(self) -> Iterator[str]:
        """What is damaged, one line per file; every bit is looked at."""
        for source in self.store.folders("."):
            answers = self.store.names(f"{source}/{ANSWERS}")
            for name in answers:
                if unpacked(self.store.read(f"{source}/{ANSWERS}/{name}") or b"") is None:
                    yield f"{source}/{ANSWERS}/{name} does not match its checksum"
            queries = [query for query in self.store.folders(source) if query != ANSWERS]
            full = [query for query in queries if self.store.names(f"{source}/{query}/days")]
            yield from self._nameless(source, "source.json", "source", bool(answers or full))
            for query in queries:
                yield from self._nameless(f"{source}/{query}", "dataset.json", "", query in full)
        for dataset in self.datasets():
            yield from dataset.problems()

    def _nameless(self, folder: str, name: str, field: str, holds: bool) -> Iterator[str]:
        """What is wrong with the file that says what a folder is; one that holds nothing yet may lack it.

        Args:
            folder: named by a checksum.
            name: of the file.
            field: of it that the checksum is of; all of it where empty.
            holds: whether anything lies there: a writer that was killed may have begun the folder only.
        """
        content = self.store.read(f"{folder}/{name}")
        if content is None and not holds:
            return
        about = parsed(content)
        if checksum_name(str(about.get(field)) if field else key_text(about)) != folder.rpartition("/")[2]:
            yield f"{folder}/{name} is missing or damaged"
