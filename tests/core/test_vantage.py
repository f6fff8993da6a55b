"""What a resolver's answer means: a table of cases, and what holds for every answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.vantage import Answer, Expectation, Verdict, diagnose, parse_resolver

ZONE = "privatelink.blob.core.windows.net"
PRIVATE = f"acct1.{ZONE}"
PUBLIC = "20.60.1.2"
LED = (PRIVATE, "blob.ams01.store.core.windows.net")


def expectation(*addresses: str, linked: bool | None = True, fqdn: str = "acct1.blob.core.windows.net") -> Expectation:
    return Expectation(fqdn=fqdn, private=PRIVATE, zone=ZONE, addresses=addresses, linked=linked)


def answer(*addresses: str, chain: tuple[str, ...] = LED, zone: bool | None = False) -> Answer:
    return Answer(chain=chain, addresses=addresses, missing=not addresses, private_zone=zone)


WANTED = expectation("10.0.0.4")
CASES = [
    ("as written", WANTED, answer("10.0.0.4", chain=(PRIVATE,), zone=True), Verdict.OK),
    ("a zone of one's own for the public name", WANTED, answer("10.0.0.4", chain=()), Verdict.OK),
    ("order does not matter", expectation("10.0.0.5", "10.0.0.4"), answer("10.0.0.4", "10.0.0.5"), Verdict.OK),
    ("a network with public addresses", expectation(PUBLIC), answer(PUBLIC), Verdict.OK),
    ("no private endpoint", WANTED, answer(PUBLIC, chain=("blob.ams01.store.core.windows.net",)), Verdict.NO_CNAME),
    ("another private link name", WANTED, answer(PUBLIC, chain=(f"acct2.{ZONE}",), zone=True), Verdict.NO_CNAME),
    ("no such public name", WANTED, answer(chain=(), zone=True), Verdict.NO_CNAME),
    ("forwarded elsewhere", WANTED, answer(PUBLIC), Verdict.NOT_FORWARDED),
    ("links unknown", expectation("10.0.0.4", linked=None), answer(PUBLIC), Verdict.NOT_FORWARDED),
    ("no link", expectation("10.0.0.4", linked=False), answer(PUBLIC), Verdict.NOT_LINKED),
    ("no link, no public address", expectation("10.0.0.4", linked=False), answer(), Verdict.NOT_LINKED),
    ("NxDomainRedirect", WANTED, answer(PUBLIC, zone=True), Verdict.MISSING),
    ("not in this copy", WANTED, answer(zone=True), Verdict.MISSING),
    ("another address", WANTED, answer("10.9.9.9", zone=True), Verdict.STALE),
    ("one too many", WANTED, answer("10.0.0.4", "10.0.0.5", zone=True), Verdict.STALE),
    ("one too few", expectation("10.0.0.4", "10.0.0.5"), answer("10.0.0.4", zone=True), Verdict.STALE),
    ("deleted, still there", expectation(), answer("10.0.0.4", zone=True), Verdict.STALE),
    ("deleted, public again", expectation(), answer(PUBLIC), Verdict.OK),
    ("deleted, gone", expectation(), answer(zone=True), Verdict.OK),
    ("a private name asked directly", expectation("10.0.0.4", fqdn=PRIVATE), answer(chain=()), Verdict.NOT_FORWARDED),
    ("silence", WANTED, Answer(silent="timed out"), Verdict.SILENT),
    ("silence about a deleted record", expectation(), Answer(silent="REFUSED"), Verdict.SILENT),
]


@pytest.mark.parametrize(("expected", "seen", "verdict"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_verdict_for_each_case(expected: Expectation, seen: Answer, verdict: Verdict) -> None:
    assert diagnose(expected, seen)[0] is verdict


def test_stale_names_both_addresses() -> None:
    _, text = diagnose(WANTED, answer("10.9.9.9"))
    assert "10.0.0.4" in text
    assert "10.9.9.9" in text


def test_unknown_links_name_both_causes() -> None:
    _, text = diagnose(expectation("10.0.0.4", linked=None), answer(PUBLIC))
    assert "168.63.129.16" in text
    assert "not linked" in text


ADDRESSES = st.lists(st.sampled_from(["10.0.0.4", "10.0.0.5", PUBLIC, "100.64.0.1", "127.0.0.1"]), max_size=3).map(
    tuple
)
MAYBE = st.sampled_from([True, False, None])
EXPECTED = st.builds(
    Expectation,
    fqdn=st.just("acct1.blob.core.windows.net"),
    private=st.just(PRIVATE),
    zone=st.just(ZONE),
    addresses=ADDRESSES,
    linked=MAYBE,
)
SEEN = st.builds(
    Answer,
    chain=st.sampled_from([(), LED, ("x.example",)]),
    addresses=ADDRESSES | st.lists(st.text()).map(tuple),
    missing=st.booleans(),
    silent=st.sampled_from(["", "", "timed out"]),
    private_zone=MAYBE,
)


@given(EXPECTED, SEEN)
def test_every_answer_has_a_verdict_that_its_evidence_carries(expected: Expectation, seen: Answer) -> None:
    verdict, text = diagnose(expected, seen)
    assert text
    assert (verdict is Verdict.SILENT) == bool(seen.silent)
    if verdict is Verdict.OK and expected.addresses:
        assert set(seen.addresses) == set(expected.addresses)
    if verdict is Verdict.NOT_LINKED:
        assert expected.linked is False
    if verdict is Verdict.MISSING:
        assert seen.private_zone
    if verdict is Verdict.NOT_FORWARDED:
        assert expected.linked is not False
        assert not seen.private_zone


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10.0.0.4", ("10.0.0.4", 53)),
        ("10.0.0.4:5353", ("10.0.0.4", 5353)),
        ("[fd00::4]:53", ("fd00::4", 53)),
        ("[FD00:0::4]", ("fd00::4", 53)),
        ("168.63.129.16:65535", ("168.63.129.16", 65535)),
    ],
)
def test_a_resolver_is_an_address_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert parse_resolver(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.contoso.com",
        "localhost:53",
        "10.0.0",
        "10.0.0.4:",
        "10.0.0.4:0",
        "10.0.0.4:65536",
        "10.0.0.4:0000199999",
        "[fd00::4",
        "[fd00::4]53",
        "[fe80::1%eth0]:53",
        "fd00::4",
        "10.0.0.4:-1",
        "10.0.0.4:+53",
        "10.0.0.4:٥٣",
        "010.0.0.4",
        " 10.0.0.4",
        "10.0.0.4 ",
        "[fd00::4]:",
        "[]:53",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="resolver"):
        parse_resolver(text)
