"""Blocks of work: begun in this process, moved to others, done again where a worker died."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from analysis.errors import SourceError
from analysis.fanout.cluster import last_losses, losses, on_cluster
from analysis.fanout.settings import FanOutSettings

Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS = 3  # a block that kills its worker this often is itself the cause
START_SECONDS = 4.0  # twice what benchmarks/scale.py measures, mostly imports: moving work has to pay clearly


def fan_out(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    settings: FanOutSettings | None = None,
    told: Callable[[Result], object] = lambda _result: None,
    here: Callable[[Item], Result] | None = None,
    programs: int = 0,
) -> list[Result]:
    """Call `function` on every item, in the order of the items, wherever the settings say.

    A worker that dies costs the blocks it held; they are done again, all others are kept. Local
    work begins in this process and moves to others once what is left is worth their start.

    Args:
        function: importable by a worker, without side effects that may not happen twice.
        items: one block of work each, small to ship: a query and a window, not its data.
        settings: where to run; the environment when left out.
        told: called with each result as it comes, in this process.
        here: does the same in this process, with what it already has; `function` when left out.
        programs: for items that only wait for a program of their own, each: so many at once; 0 for those that work.

    Raises:
        SourceError: workers died again and again on the same blocks, or there is no worker.
    """
    settings = settings or FanOutSettings.from_environment()
    done: dict[int, Result] = {}
    if settings.backend != "dask" and not programs:
        done = _begun(here or function, items, settings, told)
    for _ in range(ATTEMPTS):
        left = [index for index in range(len(items)) if index not in done]
        if not left:
            break
        try:
            for index, result in _run(function, items, left, settings, programs):
                done[index] = result
                told(result)
        except losses() as loss:
            if isinstance(loss, last_losses()):
                break
    if len(done) < len(items):
        lost = next(index for index in range(len(items)) if index not in done)
        raise SourceError(f"workers died again and again on the same work; first block not done: {items[lost]!r:.200}")
    return [done[index] for index in range(len(items))]


def _begun(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    settings: FanOutSettings,
    told: Callable[[Result], object],
) -> dict[int, Result]:
    """The first items, done in this process; all of them where the rest does not pay for the start of others."""
    done: dict[int, Result] = {}
    alone = settings.backend == "sequential" or settings.jobs == 1
    began = time.monotonic()
    with threadpool_limits(1):  # as workers have it: a sum over several threads may end in another last bit
        for place, item in enumerate(items):
            if place and not alone and _pays((time.monotonic() - began) / place, len(items) - place, settings.jobs):
                break
            done[place] = function(item)
            told(done[place])
    return done


def _pays(seconds_each: float, left: int, jobs: int) -> bool:
    """Whether processes save more on the items that are left than their start costs."""
    return seconds_each * left * (1 - 1 / min(left, jobs)) > START_SECONDS


def _run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    indices: Sequence[int],
    settings: FanOutSettings,
    programs: int,
) -> Iterator[tuple[int, Result]]:
    with _backend(settings, function, programs):
        ahead = programs or "2 * n_jobs"  # a cluster runs whatever it is given: so many programs, then, and no more
        jobs = programs or settings.jobs
        parallel = Parallel(n_jobs=jobs, batch_size=1, pre_dispatch=ahead, return_as="generator_unordered")
        work = _numbered if programs else _numbered_alone
        yield from parallel(delayed(work)(function, index, items[index]) for index in indices)


def _numbered(function: Callable[[Item], Result], index: int, item: Item) -> tuple[int, Result]:
    return index, function(item)


def _numbered_alone(function: Callable[[Item], Result], index: int, item: Item) -> tuple[int, Result]:
    with threadpool_limits(1):
        return index, function(item)


def _backend(settings: FanOutSettings, function: Callable[..., Any], programs: int) -> AbstractContextManager[Any]:
    if settings.backend == "dask":
        return on_cluster(str(settings.scheduler), function)
    here: AbstractContextManager[Any] = (
        parallel_config(backend="threading") if programs else parallel_config(backend="loky", inner_max_num_threads=1)
    )
    return here
