"""Running one notebook through Papermill: checked before, in a process of its own, whole or not at all."""

import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis import errors
from analysis.errors import IncompleteError, InputError, ParameterError
from analysis.report.files import write_whole
from analysis.settings import load_settings

NOTEBOOK_SECONDS = 1800  # half an hour's work of one cell is a wrong query, not a report
KERNEL_SECONDS = 300  # papermill's minute is too short where several kernels start on a busy machine
_MODEL_LINE = re.compile(r"^from (analysis\.settings\.\w+) import (\w+Settings)$", re.MULTILINE)
_PLUMBING = ("url", "settings_file", "output_directory")


@dataclass(frozen=True)
class Notebook:
    """A parameterised notebook: its path, the names of its parameters, and its settings model."""

    path: Path
    parameters: tuple[str, ...]
    model: type[BaseModel] | None

    @property
    def name(self) -> str:
        """Name of the report."""
        return self.path.stem


def open_notebook(name: str, folder: Path = Path("notebooks")) -> Notebook:
    """Find a notebook by path or name.

    Raises:
        InputError: there is none, or it has no parameter cell.
    """
    path = Path(name) if name.endswith(".ipynb") else folder / f"{name}.ipynb"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except OSError:
        known = ", ".join(sorted(p.stem for p in folder.glob("*.ipynb"))) or "none"
        raise InputError(f"there is no notebook {path}; in {folder} there are: {known}") from None
    except (ValueError, KeyError):
        raise InputError(f"{path} is not a notebook") from None
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if not tagged:
        raise InputError(f"{path} has no cell with the tag `parameters`")
    names = re.findall(r"^(\w+)\s*(?::[^=\n]+)?=", "".join(tagged[0]["source"]), re.MULTILINE)
    found = _MODEL_LINE.search("\n".join(sources))
    model = getattr(import_module(found[1]), found[2]) if found else None
    return Notebook(path, tuple(names), model)


@dataclass(frozen=True)
class Job:
    """One notebook, checked and ready to run."""

    notebook: Notebook
    settings: BaseModel | None
    values: dict[str, str]
    directory: Path
    typed: dict[str, Any] = field(default_factory=dict)  # settings given beside the parameter file


def prepare(notebook: Notebook, values: Mapping[str, Any], directory: Path, parameter_file: Path | None = None) -> Job:
    """Check every parameter before anything runs.

    Args:
        notebook: what to run.
        values: parameters by name, as typed; empty ones count as not given.
        directory: where its results will lie.
        parameter_file: YAML of further parameters, which `values` override.

    Raises:
        ParameterError: unknown, of the wrong type, or out of bounds; names the parameter.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    plumbing = {key: str(given.pop(key)) for key in _PLUMBING if key in given}
    if notebook.model is None:
        unknown = sorted(set(given) - set(notebook.parameters))
        if unknown:
            allowed = ", ".join(notebook.parameters)
            raise ParameterError(f"{notebook.name}: unknown parameter {unknown[0]!r}; allowed: {allowed}")
        return Job(notebook, None, plumbing | given, directory)
    try:
        settings = load_settings(notebook.model, parameter_file, _parsed(given))
    except ParameterError as error:
        raise ParameterError(f"{notebook.name}: {error}") from None
    shown = {key: getattr(settings, key) for key in ("month", "start", "end", "timezone") if hasattr(settings, key)}
    return Job(notebook, settings, plumbing | {k: v for k, v in shown.items() if v}, directory, given)


def _parsed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values typed on a command line are YAML: numbers, lists and truths are read as such."""
    return {key: _read(key, value) for key, value in values.items()}


def _read(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not re.match(r"^(\[|\{|-?\d+(\.\d+)?$|true$|false$)", value):
        return value
    try:
        return YAML(typ="safe").load(value)
    except (YAMLError, ValueError) as error:  # ValueError: a number or a date that there is none of
        why = getattr(error, "problem", None) or error
        raise ParameterError(f"parameter {name!r}: {value!r} is not YAML: {' '.join(str(why).split())}") from None


def run(job: Job) -> Path:
    """Run a job in this process; returns the path of its HTML.

    Raises:
        IncompleteError: a cell of the notebook failed; says which and why.
    """
    without_iri_grammar()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    directory = job.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    parameters = dict(job.values, output_directory=str(directory))
    if job.settings is not None:
        write_settings(job.settings, directory / "parameters.yaml")
        parameters["settings_file"] = str(directory / "parameters.yaml")
    output = directory / f"{job.notebook.name}.ipynb"
    running = directory / f".{job.notebook.name}.running.ipynb"
    try:
        papermill.execute_notebook(
            str(job.notebook.path),
            str(running),
            parameters=parameters,
            kernel_name="python3",
            execution_timeout=NOTEBOOK_SECONDS,
            start_timeout=KERNEL_SECONDS,
            progress_bar=False,
            cwd=str(Path.cwd()),
        )
    except PapermillExecutionError as error:
        known = error.ename in vars(errors)  # of ours: its message says it all
        raise IncompleteError(error.evalue if known else f"{error.ename}: {error.evalue}") from None
    finally:
        if running.exists():
            write_whole(output, running.read_text(encoding="utf-8"))
            running.unlink()
            html = write_html(output)  # of a run that failed, too: what an earlier run left is not its story
    return html


def without_iri_grammar() -> None:
    """Spare nbformat's JSON schema library what it checks and no notebook has: IRIs, whose grammar takes seconds."""
    for name in ("rfc3987_syntax", "isoduration"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def without_file_systems() -> None:
    """Spare papermill the file system of Hadoop, a fifth of its import; for a process that only starts a notebook."""
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]


def write_settings(settings: BaseModel, path: Path) -> None:
    """The effective settings as a YAML file; settings hold no secret."""
    from io import StringIO

    buffer = StringIO()
    YAML(typ="safe", pure=True).dump(settings.model_dump(mode="json", exclude_none=True), buffer)
    write_whole(path, buffer.getvalue())


def write_html(notebook: Path) -> Path:
    """The executed notebook as one HTML file without scripts, its outputs sanitised."""
    from analysis.report.notebook_html import notebook_html

    path = notebook.with_suffix(".html")
    write_whole(path, notebook_html(notebook))
    return path


def main() -> None:
    """Run one job that another process prepared: its description comes as JSON on standard input."""
    from analysis.report.processes import leave_with
    from analysis.report.secrets import strike

    signal.signal(signal.SIGTERM, _leave)
    without_file_systems()
    if len(sys.argv) > 1:
        leave_with(int(sys.argv[1]))
    description = json.load(sys.stdin)
    notebook = open_notebook(description["notebook"])
    file = description["parameter_file"]
    try:
        job = prepare(notebook, description["values"], Path(description["directory"]), Path(file) if file else None)
        run(job)
    except (InputError, IncompleteError) as error:
        print(" ".join(strike(str(error)).split()), file=sys.stderr)
        sys.exit(error.exit_code)


def _leave(_number: int, _frame: object) -> None:
    """Leave through the exits of everything that is open, so that the kernel ends too."""
    raise SystemExit(130)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()
