"""How hard the laws are tried: `LINKKEEPER_EXAMPLES=10` runs ten times as many examples as the everyday test.

The everyday test draws the same examples each time, so that it says the same twice; any other number searches anew.
`LINKKEEPER_SHRINK=1` makes a failure small before it is shown; that may take five minutes, so it is not the default.
"""

import os

from hypothesis import HealthCheck, Phase, settings

TIMES = float(os.environ.get("LINKKEEPER_EXAMPLES", "1"))
SHRINK = os.environ.get("LINKKEEPER_SHRINK") == "1"


def effort(examples: int, **more: int) -> settings:
    return settings(
        max_examples=max(1, round(examples * TIMES)),
        deadline=None,
        derandomize=TIMES == 1,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
        suppress_health_check=list(HealthCheck),
        **more,
    )
