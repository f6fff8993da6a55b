"""The four doors a story may use: ARM, the app's HTTP surface, DNS, and the simulator's control door.

Knows addresses, tokens and keys from `simulator up`. Refuses to hide an answer: status and body come back.
"""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

VERSIONS = {
    "microsoft.network/privatednszones": "2024-06-01",
    "microsoft.network": "2024-05-01",
    "microsoft.storage": "2023-05-01",
    "microsoft.keyvault": "2023-07-01",
    "microsoft.sql": "2023-08-01",
    "microsoft.dbforpostgresql": "2024-08-01",
    "microsoft.documentdb": "2024-11-15",
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Wire:
    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._tls = ssl.create_default_context(cafile=facts["ca"])

    def arm(
        self,
        method: str,
        path: str,
        body: Any = None,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        mark = "&" if "?" in path else "?"
        url = f"{self.facts['arm']}{path}{mark}api-version={version or _version(path)}"
        return self._send(method, url, body, {"Authorization": f"Bearer {self.facts['token']}", **(headers or {})})

    def app(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self._send(
            method, self.facts["host"] + path, body, {"x-functions-key": self.facts["key"], **(headers or {})}
        )

    def control(self, method: str, path: str, body: Any = None) -> Answer:
        return self._send(method, self.facts["control"] + path, body, {})

    def resolve(self, name: str) -> list[str]:
        """The A records a client would get; an empty list when the name does not exist."""
        host, port = str(self.facts["dns"]).removeprefix("udp://").rsplit(":", 1)
        question = dns.message.make_query(name, dns.rdatatype.A)
        try:
            answer = dns.query.udp(question, host, port=int(port), timeout=3)
        except (dns.exception.Timeout, OSError):
            return []
        return sorted(row.address for rows in answer.answer if rows.rdtype == dns.rdatatype.A for row in rows)

    def settled(self, path: str, seconds: float = 20, version: str | None = None) -> Any:
        """The resource once Azure's slow operation on it is over."""
        until = time.monotonic() + seconds
        while True:
            answer = self.arm("GET", path, version=version)
            state = _state(answer.body) if answer.good else ""
            if answer.good and state in ("", "succeeded", "ready", "online", "failed"):
                return answer.body
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is not there after {seconds:g} s: {answer.status} {state}")
            time.sleep(0.1)

    def gone(self, path: str, seconds: float = 20) -> None:
        """Return once there is no such resource any more."""
        until = time.monotonic() + seconds
        while self.arm("GET", path).status != 404:
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is still there after {seconds:g} s")
            time.sleep(0.1)

    def _send(self, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data=data, method=method, headers={"Content-Type": "application/json", **headers}
        )
        secure = self._tls if url.startswith("https") else None
        try:
            with urllib.request.urlopen(request, timeout=60, context=secure) as response:
                return _answer(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), error.headers)


def _answer(status: int, raw: bytes, headers: Any) -> Answer:
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = raw.decode(errors="replace")
    return Answer(status, body, dict(headers.items()))


def _state(body: Any) -> str:
    properties = body.get("properties") if isinstance(body, dict) else None
    return str((properties or {}).get("provisioningState") or "").lower()


def _version(path: str) -> str:
    words = path.lower()
    for prefix, version in VERSIONS.items():
        if f"/providers/{prefix}/" in words:
            return version
    return "2024-03-01"
