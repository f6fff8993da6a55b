"""Tell people what became of a connection or an endpoint. News may have to wait, and waiting must not lose it."""

from __future__ import annotations

from collections.abc import Mapping

from .app import App
from .core.ids import ResourceId
from .errors import Lasting, Passing
from .telemetry import Event, log


async def tell(
    app: App, kind: str, subject: ResourceId, target: ResourceId, data: Mapping[str, object], key: str = "connectionId"
) -> bool:
    """`key`: what the subject is called in the data. False: not sent yet, try again later. What can never be sent
    (a right is missing) is logged, and done with."""
    try:
        await app.notifier.send(kind, str(subject), {key: str(subject), "target": str(target), **data})
    except Lasting as wrong:
        log(Event.FAILED, f"news not sent: {wrong}", target=target)
    except Passing as wrong:
        log(Event.LATER, f"news not sent yet: {wrong}", target=target)
        return False
    return True
