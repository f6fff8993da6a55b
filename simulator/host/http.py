"""HTTP triggers. Knows routes, methods, keys and the worker's view of a request and an answer.

Refuses to explain failures to the caller: a raised exception is an empty 500, the log has the rest.
"""

from dataclasses import dataclass

from aiohttp import web
from azure.functions.meta import Datum

from simulator.host.errors import AppRefused
from simulator.host.invoking import InvocationFailed, Invoker
from simulator.host.keys import Keys, Level, presented_key
from simulator.host.loading import Function
from simulator.host.routing import Route, parse_route

_NEEDS = {"anonymous": Level.ANONYMOUS, "function": Level.FUNCTION, "admin": Level.ADMIN}


@dataclass(frozen=True)
class _Endpoint:
    function: Function
    route: Route
    methods: frozenset[str]
    needs: Level


class HttpTriggers:
    """All HTTP functions of the app behind one prefix."""

    def __init__(self, functions: list[Function], prefix: str, keys: Keys, invoker: Invoker) -> None:
        self._endpoints = sorted(
            (_endpoint(one) for one in functions if one.kind == "http"), key=lambda endpoint: endpoint.route.precedence
        )
        self._prefix = f"/{prefix}" if prefix else ""
        self._keys, self._invoker = keys, invoker
        _refuse_twins(self._endpoints)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if found is None:
            return web.Response(status=404)
        endpoint, values = found
        if self._keys.level(presented_key(request), endpoint.function.name) < endpoint.needs:
            return web.Response(status=401)
        try:
            answer = await self._invoker.invoke(
                endpoint.function,
                await _datum(request, values),
                reason="This function was programmatically called via the host APIs.",
            )
        except InvocationFailed:
            return web.Response(status=500)
        return _response(answer)

    def _find(self, request: web.Request) -> tuple[_Endpoint, dict[str, str]] | None:
        """A known path with a wrong method is 404 too: the method is part of the route in Functions."""
        path = request.rel_url.raw_path
        if not path.lower().startswith(f"{self._prefix.lower()}/"):
            return None
        for endpoint in self._endpoints:
            values = endpoint.route.match(path[len(self._prefix) :])
            if values is not None and (not endpoint.methods or request.method in endpoint.methods):
                return endpoint, values
        return None


def _endpoint(function: Function) -> _Endpoint:
    level = str(function.trigger.get("authLevel") or "function").lower()
    if level not in _NEEDS:
        raise AppRefused(f"function {function.name!r}: unknown auth level {level!r}")
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    template = str(function.trigger.get("route") or function.name)
    return _Endpoint(function, parse_route(template, function.name), methods, _NEEDS[level])


def _refuse_twins(endpoints: list[_Endpoint]) -> None:
    """Two functions that could both take a request: which one runs is chance on Azure."""
    for index, one in enumerate(endpoints):
        for other in endpoints[index + 1 :]:
            same_route = one.route.template.lower() == other.route.template.lower()
            clash = not one.methods or not other.methods or one.methods & other.methods
            if same_route and clash:
                raise AppRefused(
                    f"functions {one.function.name!r} and {other.function.name!r} have the "
                    f"same route {one.route.template!r} and method"
                )


async def _datum(request: web.Request, values: dict[str, str]) -> Datum:
    """What the host sends the worker: header names in lower case, values joined, the body as bytes."""
    headers = {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}
    query = {name: ",".join(request.query.getall(name)) for name in request.query}
    return Datum(
        type="http",
        value={
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": {name: Datum(value, "string") for name, value in headers.items()},
            "query": {name: Datum(value, "string") for name, value in query.items()},
            "params": {name: Datum(value, "string") for name, value in values.items()},
            "body": Datum(await request.read(), "bytes"),
        },
    )


def _response(answer: Datum | None) -> web.Response:
    if answer is None:
        return web.Response(status=204)
    if answer.type != "http":
        return web.Response(text=str(answer.value))
    value = answer.value
    headers = {name: datum.value for name, datum in value["headers"].items()}
    response = web.Response(status=int(value["status_code"].value), headers=headers, body=value["body"].value)
    for jar in value["cookies"] or ():
        for morsel in jar.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
