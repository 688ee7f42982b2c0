"""Every fan-out goes through here: local processes by default, a Dask cluster when asked.

Where the work runs is a matter of the environment (``PROMREVIEW_BACKEND``,
``PROMREVIEW_SCHEDULER``, ``PROMREVIEW_JOBS``), so that notebooks in processes of their own
inherit it and no analysis has to know.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Literal, Self, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from threadpoolctl import threadpool_limits

from analysis.errors import InputError, ParameterError, SourceError

Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS = 3  # a block that kills its worker this often is itself the cause
CONNECT_SECONDS = 5.0  # a scheduler on the same network answers in milliseconds
START_SECONDS = 4.0  # twice what benchmarks/scale.py measures, mostly imports: moving work has to pay clearly


class FanOutSettings(BaseSettings):
    """Where work runs, and how much of it at once."""

    model_config = SettingsConfigDict(env_prefix="PROMREVIEW_", extra="ignore")

    backend: Literal["local", "dask", "sequential"] = Field("local", description="local processes, or a Dask cluster")
    scheduler: str | None = Field(None, description="address of the Dask scheduler, tcp://HOST:PORT")
    jobs: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, description="how many blocks at once")

    @model_validator(mode="after")
    def _scheduler_goes_with_dask(self) -> Self:
        if self.backend == "dask" and not self.scheduler:
            raise ValueError("the dask backend needs a scheduler, for example tcp://127.0.0.1:8786")
        return self

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            ParameterError: a value is not allowed.
        """
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors()[0]
            name = "_".join(["PROMREVIEW", *map(str, problem["loc"] or ["scheduler"])]).upper()
            raise ParameterError(f"{name}: {problem['msg'].removeprefix('Value error, ')}") from None


def fan_out(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    settings: FanOutSettings | None = None,
    progress: Callable[[], object] = lambda: None,
    here: Callable[[Item], Result] | None = None,
) -> list[Result]:
    """Call `function` on every item, in the order of the items, wherever the settings say.

    A worker that dies costs the blocks it held; they are done again, all others are kept. Local
    work begins in this process and moves to others once what is left is worth their start.

    Args:
        function: importable by a worker, without side effects that may not happen twice.
        items: one block of work each, small to ship: a query and a window, not its data.
        settings: where to run; the environment when left out.
        progress: called once per finished item.
        here: does the same in this process, with what it already has; `function` when left out.

    Raises:
        SourceError: workers died again and again on the same blocks.
    """
    settings = settings or FanOutSettings.from_environment()
    done: dict[int, Result] = {}
    if settings.backend != "dask":
        done = _begun(here or function, items, settings, progress)
    for _ in range(ATTEMPTS):
        left = [index for index in range(len(items)) if index not in done]
        if not left:
            break
        try:
            for index, result in _run(function, items, left, settings):
                done[index] = _told(result, progress)
        except _worker_losses():
            continue
    if len(done) < len(items):
        lost = next(index for index in range(len(items)) if index not in done)
        raise SourceError(f"workers died {ATTEMPTS} times on the same work; first block not done: {items[lost]!r:.200}")
    return [done[index] for index in range(len(items))]


def _begun(
    function: Callable[[Item], Result], items: Sequence[Item], settings: FanOutSettings, progress: Callable[[], object]
) -> dict[int, Result]:
    """The first items, done in this process; all of them where the rest does not pay for the start of others."""
    done: dict[int, Result] = {}
    alone = settings.backend == "sequential" or settings.jobs == 1
    began = time.monotonic()
    with threadpool_limits(1):  # as workers have it: a sum over several threads may end in another last bit
        for place, item in enumerate(items):
            if place and not alone and _pays((time.monotonic() - began) / place, len(items) - place, settings.jobs):
                break
            done[place] = _told(function(item), progress)
    return done


def _pays(seconds_each: float, left: int, jobs: int) -> bool:
    """Whether processes save more on the items that are left than their start costs."""
    return seconds_each * left * (1 - 1 / min(left, jobs)) > START_SECONDS


def _told(result: Result, progress: Callable[[], object]) -> Result:
    progress()
    return result


def _run(
    function: Callable[[Item], Result], items: Sequence[Item], indices: Sequence[int], settings: FanOutSettings
) -> Iterator[tuple[int, Result]]:
    with _backend(settings):
        parallel = Parallel(n_jobs=settings.jobs, batch_size=1, return_as="generator_unordered")
        yield from parallel(delayed(_numbered)(function, index, items[index]) for index in indices)


def _numbered(function: Callable[[Item], Result], index: int, item: Item) -> tuple[int, Result]:
    with threadpool_limits(1):
        return index, function(item)


def step_aside() -> None:
    """In a block that only waits for others: leave the worker's place to them, or all places could end up waiting."""
    try:
        from distributed import secede
    except ImportError:
        return
    with suppress(ValueError):  # not on a worker
        secede()


def _backend(settings: FanOutSettings) -> AbstractContextManager[Any]:
    if settings.backend == "local":
        local: AbstractContextManager[Any] = parallel_config(backend="loky", inner_max_num_threads=1)
        return local
    return _dask(settings)


@contextmanager
def _dask(settings: FanOutSettings) -> Iterator[None]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("the dask backend is not installed; run: pip install 'promreview[scale]'") from None
    try:
        client: Any = Client(settings.scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"no Dask scheduler at {settings.scheduler}: {type(error).__name__}; check --scheduler"
        ) from None
    try:
        # pure=False would be the default of submit; a block is keyed by itself so that a retry is the same block
        with parallel_config(backend="dask", client=client, pure=False):
            yield
    finally:
        client.close()


def _worker_losses() -> tuple[type[BaseException], ...]:
    try:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError:
        return (BrokenProcessPool,)
    return (BrokenProcessPool, KilledWorker, FutureCancelledError)


__all__ = ["FanOutSettings", "fan_out", "step_aside"]
