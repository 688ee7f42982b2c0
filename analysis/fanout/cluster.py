"""Work on a Dask cluster, through joblib's own backend for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from joblib import parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool, _ExceptionWithTraceback

from analysis.errors import InputError, SourceError

CONNECT_SECONDS = 5.0  # a scheduler on the same network answers in milliseconds
DISTRIBUTION = "promreview"
PAUSE_SECONDS = 0.01  # between two looks at what has ended, as joblib has it
WORKER_SECONDS = 30.0  # for the first worker to come: a cluster that grows with its work starts one now


@contextmanager
def on_cluster(scheduler: str, function: Callable[..., Any]) -> Iterator[None]:
    """Let joblib run a function on a cluster meanwhile.

    Raises:
        InputError: Dask is not installed.
        SourceError: no scheduler answers, it has no worker, or a worker does not know the function.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError("the dask backend is not installed; run: pip install 'promreview[scale]'") from None
    try:
        client: Any = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"no Dask scheduler at {scheduler}: {type(error).__name__}; check --scheduler") from None
    try:
        _check_workers(client, function)
        with parallel_config(backend=_backend(client)):
            yield
    finally:
        client.close()


def _check_workers(client: Any, function: Callable[..., Any]) -> None:
    """Another version may come to other results, and what a worker cannot read it cannot do."""
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        where = client.scheduler.address
        raise SourceError(f"the Dask cluster has no worker; start one: dask worker {where}") from None
    here = _version(function)
    for address, found in client.run(_version, function, on_error="return").items():
        if found != here and not isinstance(found, OSError):  # which is a worker that dies at this moment
            why = f"has {found}" if isinstance(found, str) else f"cannot do this work ({found})"
            raise SourceError(f"the Dask worker {address} {why}; install {here} with its extra `scale` there")


def _version(_function: Callable[..., Any]) -> str:
    try:
        return f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    except PackageNotFoundError:  # out of a folder
        return DISTRIBUTION


def _backend(client: Any) -> Any:
    """joblib's, without two of its gaps; not public there, but what ``backend="dask"`` stands for."""
    from joblib._dask import DaskDistributedBackend

    class Elsewhere(DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:
            """Where there is one place only, joblib would do the work itself."""
            return max(2, super().effective_n_jobs(n_jobs))

        async def _collect(self) -> None:
            """Joblib tells nobody of what failed around a block, such as a worker that died too often, and waits."""
            while self._continue:
                async for future, result in self.waiting_futures:
                    self._results.pop(future)
                    told = self._callbacks.pop(future)
                    told(result if future.status == "finished" else _ExceptionWithTraceback(_error_of(result)))
                await asyncio.sleep(PAUSE_SECONDS)

    # pure=False would be the default of submit; a block is keyed by itself so that a retry is the same block
    return Elsewhere(client=client, pure=False)


def _error_of(result: Any) -> BaseException:
    error = result[1] if isinstance(result, tuple) else result
    return error if isinstance(error, BaseException) else RuntimeError(f"a block of work ended with {error}")


def losses() -> tuple[type[BaseException], ...]:
    """What is raised where a worker died with its work, here or on a cluster."""
    try:
        from distributed.client import FutureCancelledError
    except ImportError:
        return (BrokenProcessPool,)
    return (BrokenProcessPool, FutureCancelledError, *last_losses())


def last_losses() -> tuple[type[BaseException], ...]:
    """The same where the cluster has tried several workers already."""
    try:
        from distributed import KilledWorker
    except ImportError:
        return ()
    return (KilledWorker,)


def step_aside() -> None:
    """In a block that only waits for others: leave the worker's place to them, or all places could end up waiting."""
    try:
        from distributed import secede
    except ImportError:
        return
    with suppress(ValueError):  # not on a worker
        secede()


def is_wanted() -> Callable[[], bool]:
    """Asked in a block: what tells, from any thread, whether somebody still waits for this block."""
    try:
        from distributed import get_worker

        worker: Any = get_worker()
        key = worker.get_current_task()
    except (ImportError, ValueError, AttributeError):  # not on a worker
        return lambda: True

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return wanted
