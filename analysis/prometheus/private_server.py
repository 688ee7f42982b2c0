"""A private Prometheus on a free loopback port that leaves nothing behind."""

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import Request, urlopen

from analysis.errors import UnreachableError
from analysis.prometheus.programs import find_program

READY_SECONDS = 120.0  # a cold start over two months of blocks takes about two, on a machine that does not stall
STOP_SECONDS = 30.0
# Below the ports that systems give to outgoing connections (from 32,768 on Linux, 49,152 elsewhere): one of those may
# have taken it before the server does, seconds later on a busy machine.
PORTS = range(20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody uses at this moment, another one each time.

    Raises:
        UnreachableError: there is none.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise UnreachableError("no loopback port is free for a private server")


def _guard() -> list[str]:
    """Where the kernel can, the server ends with us, even when we are killed and can end nothing ourselves."""
    is_ours = threading.current_thread() is threading.main_thread()  # the signal comes when the starting thread ends
    return ["setpriv", "--pdeathsig", "TERM", "--"] if is_ours and shutil.which("setpriv") else []


class PrivatePrometheus:
    """Context manager: start, wait until ready, give the URL, stop, remove the folder.

    Args:
        config: text of ``prometheus.yml``; nothing is scraped by default.
        files: further files beside it, by relative path (rule files, file_sd).
        data: an existing TSDB folder to serve and keep; a temporary one when left out.
        retention: how long data is kept, longer than any data that is backfilled.
        arguments: further command-line flags.
    """

    def __init__(
        self,
        config: str = "global: {}\n",
        files: dict[str, str] | None = None,
        data: Path | None = None,
        retention: str = "10y",
        arguments: tuple[str, ...] = (),
    ) -> None:
        """Write the configuration into a folder of its own; start nothing yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="promreview-"))
        self.data = data or self.folder / "data"
        for name, text in {"prometheus.yml": config, **(files or {})}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.retention, self.arguments = retention, arguments
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return (self.folder / "prometheus.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        with (self.folder / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *_guard(),
                    find_program("prometheus"),
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.data}",
                    f"--storage.tsdb.retention.time={self.retention}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.enable-lifecycle",
                    *self.arguments,
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us first, and we stop it in order
            )
        self._wait_until_ready()

    def reload(self, files: dict[str, str]) -> None:
        """Write files beside ``prometheus.yml`` (or itself) and make the server read them."""
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        with urlopen(Request(f"{self.url}/-/reload", method="POST"), timeout=READY_SECONDS):  # noqa: S310 - loopback
            pass

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server; data and folder stay."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        """Start; on failure leave nothing behind."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and remove the folder."""
        self.close()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise UnreachableError(f"the private Prometheus ended at once: {self.log.strip()[-400:]}")
            try:
                with urlopen(f"{self.url}/-/ready", timeout=2) as answer:  # noqa: S310 - our own loopback URL
                    if answer.status == 200:
                        return
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise UnreachableError(f"the private Prometheus was not ready after {READY_SECONDS:.0f} s: {self.log[-400:]}")
