"""Start the stand-in for the platform's services, or begin and end attacks on a running one.

    python monitoring/exporter serve
    python monitoring/exporter attack brute_force --minutes 10 --label country=BR
    python monitoring/exporter stop brute_force
    python monitoring/exporter status

Ports come from AUTH_PORT, POLICY_PORT, DASHBOARD_PORT and EXPORTER_CONTROL_PORT, the address
from MONITORING_LISTEN, as in scripts/start-monitoring.sh.
"""

import argparse
import json
import os
import signal
import sys
import threading
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from analysis.datasets.attacks import KINDS
from analysis.datasets.exporter import CONTROL_PORT, PORTS, Exporter
from analysis.datasets.live import ConstantLoad, LivePlatform

ANSWER_SECONDS = 10.0  # the stand-in makes a new stretch of its model before it answers


def main() -> int:
    """Do what the command line says; returns the exit code."""
    given = _parser().parse_args()
    if given.command == "serve":
        return serve(given)
    method = {"attack": "POST", "stop": "DELETE", "status": "GET"}[given.command]
    labels = dict(pair.split("=", 1) for pair in getattr(given, "label", []))
    asked = {"minutes": getattr(given, "minutes", None), "strength": getattr(given, "strength", None), **labels}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return ask(method, f"/attacks/{getattr(given, 'kind', '')}?{query}")


def serve(given: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    rhythm = ConstantLoad(load=given.load) if given.load else None
    ports = {service: _port(f"{service.upper()}_PORT", port) for service, port in PORTS.items()}
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    listen = os.environ.get("MONITORING_LISTEN", "127.0.0.1")
    try:
        exporter = Exporter(
            LivePlatform(given.seed, rhythm), ports, _port("EXPORTER_CONTROL_PORT", CONTROL_PORT), listen
        )
    except OSError as error:
        print(f"exporter: cannot listen on {listen}, {ports}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"exporter: serving {ports}", file=sys.stderr)
    done.wait()
    exporter.close()
    return 0


def ask(method: str, path: str) -> int:
    """Ask the running stand-in, and print what it says."""
    url = f"http://127.0.0.1:{_port('EXPORTER_CONTROL_PORT', CONTROL_PORT)}{path}"
    try:
        with urlopen(Request(url, method=method), timeout=ANSWER_SECONDS) as answer:
            print(json.dumps(json.load(answer), indent=1))
    except HTTPError as error:
        print(f"exporter: {json.load(error).get('error')}", file=sys.stderr)
        return 2
    except URLError as error:
        print(f"exporter: no stand-in answers on {url}: {error.reason}; start it first", file=sys.stderr)
        return 3
    return 0


def _port(variable: str, default: int) -> int:
    return int(os.environ.get(variable) or default)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exporter", description="The stand-in for the platform's services.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("serve", help="serve the metrics until a signal ends it")
    start.add_argument("--seed", type=int, default=1, help="the same seed gives the same rates")
    load = os.environ.get("EXPORTER_LOAD", "0")
    start.add_argument("--load", type=float, default=float(load), help="constant load, 1 = the busiest hour; 0 = daily")
    attack = commands.add_parser("attack", help="begin an attack")
    attack.add_argument("kind", choices=KINDS)
    attack.add_argument("--minutes", type=float, help="how long; that of the kind when left out")
    attack.add_argument("--strength", type=float, help="multiple of the usual failures; that of the kind when left out")
    attack.add_argument("--label", action="append", default=[], help="where it comes from, for example country=BR")
    stop = commands.add_parser("stop", help="end an attack, all of them when none is named")
    stop.add_argument("kind", nargs="?", default="", choices=("", *KINDS))
    commands.add_parser("status", help="which attacks are under way")
    return parser


if __name__ == "__main__":
    sys.exit(main())
