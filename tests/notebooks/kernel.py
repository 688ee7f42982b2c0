"""A real kernel, one cell after the other, as a notebook runs them."""

import os
from contextlib import contextmanager

from jupyter_client.manager import start_new_kernel

STARTED_SECONDS = 120


class Cells:
    """Runs cells in a kernel; each gives its outputs."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        """Outputs of one cell, as the messages of Jupyter hold them."""
        outputs = []

        def take(message):
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                outputs.append({"type": message["msg_type"], **message["content"]})

        self.client.execute_interactive(code, output_hook=take, timeout=STARTED_SECONDS)
        return outputs

    def complete(self, code):
        """What is offered at the end of the code."""
        self.client.complete(code)
        return self.client.get_shell_msg(timeout=STARTED_SECONDS)["content"]["matches"]


@contextmanager
def kernel(cwd=None, **environment):
    """A kernel in a folder, with more environment variables."""
    more = {"cwd": str(cwd)} if cwd else {}
    manager, client = start_new_kernel(env=os.environ | environment, startup_timeout=STARTED_SECONDS, **more)
    try:
        yield Cells(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
