"""Start the forwarder: python monitoring/forwarder.

Addresses and secrets come from the environment: SIEM_URL, SIEM_TOKEN_FILE, TICKETS_URL,
TICKETS_TOKEN_FILE, TEAMS_URLS_FILE, CHAT_URLS_FILE, HEARTBEAT_URL_FILE, FORWARDER_TOKEN_FILE, FORWARDER_STATE.
"""

import os
import signal
import sys
import threading

from analysis.errors import PromreviewError
from analysis.stack.forwarder import Forwarder, ForwarderSettings

DEFAULT_PORT = 9095


def main() -> int:
    """Serve until a signal ends it; returns the exit code."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    port, listen = int(os.environ.get("FORWARDER_PORT") or DEFAULT_PORT), os.environ.get("MONITORING_LISTEN")
    try:
        forwarder = Forwarder(ForwarderSettings(), port, listen or "127.0.0.1")
    except PromreviewError as error:
        print(f"forwarder: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"forwarder: cannot listen on port {port}: {error.strerror}; set FORWARDER_PORT", file=sys.stderr)
        return 2
    print(f"forwarder: port {port}, sends to {', '.join(forwarder.destinations) or 'nowhere yet'}", file=sys.stderr)
    done.wait()
    forwarder.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
