"""The words of the policy file beyond the smallest: vendors, people, limits, dates, tags, tenants, look-alikes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared import policyfile
from shared.core.policy import Caps, Grants
from shared.core.rules import EndpointPattern, Mode, Requesters, Rule
from shared.policyfile import BadPolicy
from shared.policyfile.vendors import USUAL

from .build import DATA, GUID, STRANGER, TEAM

ENDPOINT = f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/pe1"
GLOB = ENDPOINT.replace("pe1", "pe-*")
GRAFANA = f"/subscriptions/{DATA}/resourceGroups/ops/providers/Microsoft.Dashboard/grafana/g1"


def file(**more: Any) -> bytes:
    """JSON is YAML."""
    return json.dumps({"version": 1, "owner": "hub", **more}).encode()


def one(requesters: Any = None, vendors: Any = (), defaults: Any = None, **more: Any) -> bytes:
    who = {"subscriptions": [TEAM]} if requesters is None else requesters
    rule = {"name": "r", "verdict": "approve", "requesters": who, "targets": {"all": True}, **more}
    return file(rules=[rule], vendors=list(vendors), **({"defaults": defaults} if defaults else {}))


def only(raw: bytes) -> Rule:
    (rule,) = policyfile.parse(raw).rules
    return rule


def mistakes(raw: bytes) -> list[str]:
    with pytest.raises(BadPolicy) as bad:
        policyfile.parse(raw)
    return [f"{path}: {what}" for _, path, what in bad.value.mistakes]


def vendor(name: str = "Acme", **more: Any) -> dict[str, Any]:
    return {"name": name, "endpoints": [ENDPOINT], **more}


# --- requesters and vendors --------------------------------------------------------------------------


def test_every_way_of_naming_a_requester() -> None:
    group = f"/subscriptions/{TEAM}/resourceGroups/Net"
    who = {"resource_groups": [group], "link_identifiers": [536870912, "7"], "management_groups": ["Corp"]}
    found = only(one(who)).requesters
    assert [str(scope) for scope in found.resource_groups] == [group]
    assert (found.link_identifiers, found.management_groups) == ({"536870912", "7"}, {"corp"})


def test_a_vendor_of_a_known_kind_is_shared_and_only_its_exact_endpoints_count() -> None:
    found = only(one({"vendors": ["sigma"]}, [vendor("Sigma", kind="sigma", subscriptions=[STRANGER])]))
    assert found.requesters == Requesters(
        endpoints=(EndpointPattern(TEAM, "net", "pe1"),), shared=frozenset({TEAM, STRANGER})
    )
    assert dict(found.usual)["microsoft.databricks/workspaces"] == {"databricks_ui_api"}
    assert dict(found.usual)["microsoft.network/privatelinkservices"] == frozenset()


def test_a_vendor_with_a_subscription_of_its_own_may_be_named_by_it() -> None:
    found = only(one({"vendors": ["Acme"]}, [vendor(subscriptions=[STRANGER], endpoints=[GLOB])]))
    assert found.requesters.subscriptions == {STRANGER}
    assert found.requesters.shared == frozenset()
    assert found.usual == ()


def test_what_a_file_says_is_usual_adds_to_what_is_known() -> None:
    mine = vendor(
        kind="dbt", usual={"Microsoft.Sql/servers": ["sqlServer"], "Microsoft.Network/privateLinkServices": []}
    )
    usual = dict(only(one({"vendors": ["Acme"]}, [mine])).usual)
    assert usual["microsoft.sql/servers"] == {"sqlserver"}
    assert usual["microsoft.network/privatelinkservices"] == frozenset()
    assert usual["microsoft.dbforpostgresql/flexibleservers"] == {"postgresqlserver"}


def test_a_shared_vendor_marks_its_subscription_for_every_approve_rule_and_no_reject_rule() -> None:
    everybody = {"requesters": {"all": True}, "targets": {"all": True}}
    rules = [{"name": v, "verdict": v, **everybody} for v in ("approve", "reject")]
    approve, reject = policyfile.parse(file(rules=rules, vendors=[vendor(shared=True)])).rules
    assert (approve.requesters.shared, reject.requesters.shared) == ({TEAM}, frozenset())


@pytest.mark.parametrize("kind", sorted(USUAL))
def test_the_groups_of_known_vendors_are_text(kind: str) -> None:
    assert all(isinstance(group, str) for groups in USUAL[kind].values() for group in groups)


@pytest.mark.parametrize(
    ("requesters", "vendors", "mistake"),
    [
        ({"vendors": ["Other"]}, [vendor()], "vendors[0]: there is no vendor 'Other'"),
        ({"vendors": ["Acme"], "guids": [GUID]}, [vendor()], "requesters: name vendors alone"),
        ({"subscriptions": [TEAM]}, [vendor(shared=True)], "belongs to the shared vendor 'Acme'"),
        ({"endpoints": [GLOB]}, [vendor(kind="sigma")], "belongs to the shared vendor 'Acme'"),
        (
            {"resource_groups": [f"/subscriptions/{TEAM}/resourceGroups/net"]},
            [vendor(kind="dbt")],
            "belongs to the shared vendor 'Acme'",
        ),
        (None, [vendor(kind="sigma", endpoints=[GLOB])], "a shared vendor needs exact endpoint ids"),
        (None, [vendor(kind="oracle")], "vendors[0].kind: Input should be"),
        (None, [vendor(kind=["sigma"])], "vendors[0].kind: Input should be"),
        (None, [vendor(shared="yes")], "vendors[0].shared: Input should be a valid boolean"),
        (None, [{"name": "Acme"}], "vendors[0]: name its endpoints or its subscriptions"),
        (None, [vendor(), vendor("ACME")], "vendors[1].name: 'ACME' is used twice"),
        (
            {"vendors": ["S", "D"]},
            [vendor("S", kind="sigma"), vendor("D", kind="dbt")],
            "usually connect to different things: write a rule for each",
        ),
    ],
)
def test_a_vendor_that_proves_nothing_is_a_mistake(requesters: Any, vendors: Any, mistake: str) -> None:
    assert any(mistake in found for found in mistakes(one(requesters, vendors)))


def test_a_type_that_is_not_usual_for_the_vendor_is_a_mistake() -> None:
    raw = one({"vendors": ["Acme"]}, [vendor(kind="dbt")], targets={"types": ["Microsoft.Sql/servers"]})
    assert mistakes(raw) == [
        "rules[0].targets.types[0]: Acme usually does not connect to Microsoft.Sql/servers; "
        "if it does, add it to the vendor's usual"
    ]


# --- people, limits, defaults ------------------------------------------------------------------------


def test_what_a_rule_does_not_say_comes_from_the_defaults() -> None:
    defaults = {"mode": "plan", "limit": 7, "tenants": [GUID]}
    found = only(one(defaults=defaults))
    assert (found.mode, found.limit, found.tenants) == (Mode.PLAN, 7, {GUID})


def test_a_rule_may_say_otherwise_than_the_defaults() -> None:
    defaults = {"mode": "plan", "limit": 7, "approvals": 2, "tenants": [GUID]}
    found = only(one(defaults=defaults, mode="apply", limit=1, approvals=0, tenants=[STRANGER]))
    assert (found.mode, found.limit, found.approvals, found.tenants) == (Mode.APPLY, 1, 0, {STRANGER})


def test_defaults_for_approvals_do_not_reach_reject_rules() -> None:
    found = only(one(defaults={"limit": 7, "approvals": 2, "tenants": [GUID]}, verdict="reject"))
    assert (found.limit, found.approvals, found.tenants) == (None, 0, None)


def test_caps_and_grants_have_careful_defaults_and_can_be_set() -> None:
    usual = policyfile.parse(file())
    assert (usual.caps, usual.grants) == (Caps(), Grants(approvals=1, days=7))
    own = {"caps": {"approvals_per_policy_change": 0, "approvals_per_sweep": 5}, "grants": {"approvals": 2, "days": 30}}
    found = policyfile.parse(file(**own))
    assert (found.caps.approvals_per_policy_change, found.caps.approvals_per_sweep) == (0, 5)
    assert found.grants == Grants(approvals=2, days=30)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"limit": 0}, "rules[0].limit"),
        ({"limit": "5"}, "rules[0].limit"),
        ({"limit": True}, "rules[0].limit"),
        ({"approvals": 6}, "rules[0].approvals"),
        ({"approvals": -1}, "rules[0].approvals"),
        ({"approvals": 1, "limit": 3}, "rules[0].limit"),
        ({"tenants": []}, "rules[0].tenants"),
        ({"tenants": ["contoso"]}, "rules[0].tenants[0]"),
        ({"verdict": "reject", "limit": 3}, "rules[0].limit"),
        ({"verdict": "reject", "approvals": 1}, "rules[0].approvals"),
        ({"verdict": "reject", "managed_by": {"services": [GRAFANA]}}, "rules[0].managed_by"),
        ({"managed_by": {"services": []}}, "rules[0].managed_by.services"),
        ({"managed_by": {"services": [GRAFANA], "within_minutes": 0}}, "rules[0].managed_by.within_minutes"),
        ({"managed_by": {"services": [GRAFANA], "nonce": "yes"}}, "rules[0].managed_by.nonce"),
        ({"targets": {"tags": {"env": 1}}}, "rules[0].targets.tags.env"),
        ({"targets": {"tags": {"": "x"}}}, "rules[0].targets.tags."),
    ],
)
def test_a_value_out_of_its_range_is_a_mistake_at_its_place(more: Any, place: str) -> None:
    assert [found.partition(": ")[0].removesuffix(".[key]") for found in mistakes(one(**more))] == [place]


def test_a_managed_endpoint_needs_people_where_anybody_may_ask() -> None:
    managed = {"services": [GRAFANA], "within_minutes": 30, "nonce": True}
    assert "never enough by itself" in mistakes(one({"all": True}, managed_by=managed))[0]
    found = only(one({"all": True}, managed_by=managed, approvals=1)).managed_by
    assert found is not None
    assert (str(found.services[0]), found.within, found.nonce) == (GRAFANA, timedelta(minutes=30), True)


@pytest.mark.parametrize("word", ["yes", "True ", "on", "1", 1])
def test_anybody_is_said_with_true_and_nothing_else(word: Any) -> None:
    """`all: yes` is text in YAML 1.2; taken for true it would have passed by the check above."""
    found = mistakes(one({"all": word}, managed_by={"services": [GRAFANA]}))
    assert found == ["rules[0].requesters.all: Input should be a valid boolean"]


# --- dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2027-06-30", date(2027, 6, 30)),
        ("2027-06-30T12:00:00Z", datetime(2027, 6, 30, 12, tzinfo=UTC)),
        ("2027-06-30T14:00:00+02:00", datetime(2027, 6, 30, 12, tzinfo=UTC)),
    ],
)
def test_a_rule_ends_with_a_day_or_at_a_time_with_its_zone(text: str, value: date) -> None:
    assert only(one(approve_until=text)).approve_until == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2027-06-30T12:00:00", "a time needs its zone"),
        ("2027-02-30", "a date is needed"),
        ("２０２７-06-30", "a date is needed"),
        ("30.6.2027", "a date is needed"),
        (20270630, "a date is needed"),
    ],
)
def test_a_date_that_could_mean_two_things_or_none_is_a_mistake(text: Any, why: str) -> None:
    (found,) = mistakes(one(approve_until=text))
    assert why in found


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_edges_of_time_are_compared_without_an_error(end: str) -> None:
    assert only(one(approve_until=end)).is_open(datetime(2026, 11, 21, tzinfo=UTC)) is end.startswith("9")


def test_a_time_is_exact_to_its_moment() -> None:
    rule = only(one(approve_until="2027-06-30T14:00:00+02:00"))
    moment = datetime(2027, 6, 30, 12, tzinfo=UTC)
    assert not rule.is_open(moment)
    assert rule.is_open(moment - timedelta(microseconds=1))


# --- look-alikes -------------------------------------------------------------------------------------

KELVIN, CYRILLIC, FULLWIDTH = "\u212a", "\u0430", "\uff11"
GROUP = f"/subscriptions/{TEAM}/resourceGroups/"


@pytest.mark.parametrize("odd", [KELVIN, CYRILLIC, FULLWIDTH, "\u200b", "\u0130", "\t", "\u00a0"], ids=ascii)
@pytest.mark.parametrize(
    ("where", "more"),
    [
        ("a subscription", lambda odd: {"requesters": {"subscriptions": [odd + TEAM[1:]]}}),
        ("a guid", lambda odd: {"requesters": {"guids": [odd + GUID[1:]]}}),
        ("a resource group", lambda odd: {"requesters": {"resource_groups": [f"{GROUP}net{odd}"]}}),
        ("an endpoint", lambda odd: {"requesters": {"endpoints": [ENDPOINT + odd]}}),
        ("a link identifier", lambda odd: {"requesters": {"link_identifiers": [f"{odd}5"]}}),
        ("a management group", lambda odd: {"requesters": {"management_groups": [f"corp{odd}"]}}),
        ("a scope", lambda odd: {"targets": {"scopes": [f"{GROUP}data{odd}"]}}),
        ("a type", lambda odd: {"targets": {"types": [f"Microsoft.Storage/storageAccounts{odd}"]}}),
        ("a group", lambda odd: {"groups": [f"blob{odd}"]}),
        ("a tenant", lambda odd: {"tenants": [odd + GUID[1:]]}),
        ("a service", lambda odd: {"managed_by": {"services": [GRAFANA + odd]}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_look_alike_of_a_letter_or_digit_is_refused(odd: str, where: str, more: Any) -> None:
    assert mistakes(one(**more(odd)))


def test_the_message_shows_which_letter_is_odd() -> None:
    (found,) = mistakes(one(targets={"scopes": [f"{GROUP}d{CYRILLIC}ta"]}))
    assert "holds '\\u0430', which is no plain letter: it may only look like the right one" in found


def test_a_tag_may_hold_any_letters_as_azure_allows_them() -> None:
    found = only(one(targets={"tags": {"Umgebung": "größe", "ENV": "x"}})).targets
    assert found.tags == (("env", "x"), ("umgebung", "größe"))
