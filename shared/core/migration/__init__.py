"""The move of one endpoint's records from its private DNS zone group to Linkkeeper, and back: what stands in the way,
which steps, and for how long which names do not resolve. Pure: values in, a plan out; total.

Knows what deleting and making a zone group does to records. Refuses to put any text into a command that is not part
of a parsed id. Sources: reference/dns-records.md sections 3 to 6, reference/azure-cli.md.
"""

from __future__ import annotations

from .asking import asked, config_name, group_of, to_read, unserved
from .back import plan_back
from .there import plan_to
from .values import Asked, Facts, Gap, Group, Links, Migration, Moved, Owner, State, Step

__all__ = [
    "Asked",
    "Facts",
    "Gap",
    "Group",
    "Links",
    "Migration",
    "Moved",
    "Owner",
    "State",
    "Step",
    "asked",
    "config_name",
    "group_of",
    "plan_back",
    "plan_to",
    "to_read",
    "unserved",
]
