"""A real Dask scheduler with real workers, each a process on loopback."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from analysis.prometheus.private_server import free_port

ROOT = Path(__file__).parents[1]


@contextmanager
def cluster(workers, **more):
    """Gives the scheduler's address; `more` is what its environment has beside ours."""
    paths = [str(ROOT), str(ROOT / "tests"), *(str(path) for path in (ROOT / "tests").iterdir() if path.is_dir())]
    environment = (
        os.environ | more | {"PYTHONPATH": os.pathsep.join(paths)}
    )  # test modules are imported by their bare names
    start = partial(
        subprocess.Popen, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--memory-limit", "0"]
    processes = [start([*scheduler, "--no-dashboard"])]
    processes += [start([*worker, "--no-dashboard"]) for _ in range(workers)]
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # a nanny that did not end in time, and the worker it watches
            process.wait()
