"""Work on a Dask cluster, through joblib's own backend for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from joblib import parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

from analysis.errors import InputError, SourceError

CONNECT_SECONDS = 5.0  # a scheduler on the same network answers in milliseconds
WORKER_SECONDS = 30.0  # for the first worker to come: a cluster that grows with its work starts one now


@contextmanager
def on_cluster(scheduler: str) -> Iterator[None]:
    """Let joblib run on a cluster what is run meanwhile.

    Raises:
        InputError: Dask is not installed.
        SourceError: no scheduler answers, or it has no worker.
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
        with parallel_config(backend=_backend(client, scheduler)):
            yield
    finally:
        client.close()


def _backend(client: Any, scheduler: str) -> Any:
    from joblib._dask import DaskDistributedBackend  # not public, but what `backend="dask"` stands for

    class Elsewhere(DaskDistributedBackend):  # type: ignore[misc]
        """Joblib does the work itself where there is only one place for it, and that is not what was asked for."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            try:
                return max(2, super().effective_n_jobs(n_jobs))
            except TimeoutError:
                raise SourceError(f"the Dask cluster has no worker; start one: dask worker {scheduler}") from None

    # pure=False would be the default of submit; a block is keyed by itself so that a retry is the same block
    return Elsewhere(client=client, wait_for_workers_timeout=WORKER_SECONDS, pure=False)


def losses() -> tuple[type[BaseException], ...]:
    """What is raised where a worker died with its work, here or on a cluster."""
    try:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError:
        return (BrokenProcessPool,)
    return (BrokenProcessPool, KilledWorker, FutureCancelledError)


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
