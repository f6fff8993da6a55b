"""The small Azure: ARM, managed identity, Event Grid, private DNS and a control door, all on loopback.

`Azure.start(Options(...), authority)` opens the doors. It models documented and recorded behaviour; what is
uncertain is a switch. See README.md beside this file for facts, labels and switches.
"""

from simulator.azure.cloud import Azure, Options

__all__ = ["Azure", "Options"]
