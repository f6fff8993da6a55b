"""The command line: `python -m shared …`. Mirrors the app and takes the same route.

Exit codes: 0 nothing to do, 2 changes pending or suspects found, 1 error. People get text on a terminal; a pipe (or
--json) gets JSON.
"""

from .commands import casefiles, live, migrating, offline, policies
from .commands.frame import cli

__all__ = ["casefiles", "live", "migrating", "offline", "policies"]

if __name__ == "__main__":
    cli.info.help = __doc__
    cli(prog_name="python -m shared")
