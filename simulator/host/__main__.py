"""`python -m simulator.host --app DIR --port N --keys FILE`; the environment is the app settings."""

import argparse
import os
import sys
from pathlib import Path

from simulator.host.keys import read_keys
from simulator.host.logs import log_to_stderr
from simulator.host.running import HostOptions, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulator.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--keys", help='file or text: {"master", "host": {}, "system": {}, "functions": {}}')
    parser.add_argument(
        "--hidden",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long a message in work, or of a killed worker, stays hidden",
    )
    parser.add_argument("--drain", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--memory", type=Path, metavar="DIR", help="timers remember their next time here")
    parser.add_argument(
        "--create-queues",
        action="store_true",
        help="make the triggers' queues first, as a deployment does; the real host does not",
    )
    given = parser.parse_args()
    log_to_stderr()
    return run(
        HostOptions(
            app=given.app.resolve(),
            port=given.port,
            keys=read_keys(given.keys),
            hidden=given.hidden,
            drain=given.drain,
            memory=given.memory,
            create_queues=given.create_queues,
        )
    )


if __name__ == "__main__":
    sys.stdout = sys.stderr  # a print() in the app must not disturb whoever reads our parent's stdout
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread of a sync function that still runs must not keep the process alive
