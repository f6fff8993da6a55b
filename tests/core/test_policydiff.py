"""What differs between two policies, and what follows for connections that exist."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from shared import estate, policyfile
from shared.__main__ import cli
from shared.commands import difftext
from shared.core.consequences import Consequences, consequences
from shared.core.decide import decide
from shared.core.model import Status, Verdict
from shared.core.policy import Caps, Grants, Policy
from shared.core.policydiff import diff
from shared.core.rules import Mode, Requesters, Targets

from . import drawn
from .build import (
    DATA,
    NOW,
    OTHER,
    STRANGER,
    TARGET,
    TEAM,
    connection,
    endpoint_id,
    examples,
    hub,
    policy,
    reject,
    rule,
    target_id,
    until,
)
from .test_language import file, vendor

BY_STRANGER = Requesters(subscriptions=frozenset({STRANGER}))
RULE = rule()
APPROVED = connection(status=Status.APPROVED)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (policy(), policy(RULE), "rule 'team' is new (verdict approve; requesters subscription "),
        (policy(RULE), policy(), "rule 'team' is gone (verdict approve; requesters subscription "),
        (policy(RULE), policy(rule(groups=frozenset({"blob"}))), "rule 'team': groups any -> blob"),
        (
            policy(rule(groups=frozenset({"blob", "dfs"}))),
            policy(rule(groups=frozenset({"blob", "file"}))),
            "rule 'team': groups + file, - dfs",
        ),
        (
            policy(RULE),
            policy(rule(approve_until=until("2027-06-30"))),
            "rule 'team': approve_until none -> 2027-06-30",
        ),
        (policy(RULE), policy(rule(approvals=2)), "rule 'team': approvals none -> 2"),
        (policy(RULE), policy(reject("team")), "rule 'team': verdict approve -> reject"),
        (policy(RULE), policy(rule(mode=Mode.PLAN)), "rule 'team': mode none -> plan"),
        (
            policy(rule("a", limit=1), rule("b")),
            policy(rule("b"), rule("a", limit=1)),
            "rules stand in another order, and the first one that matches counts",
        ),
        (policy(), policy(hubs=(hub(ttl=300),)), "hub 'west': ttl none -> 300"),
        (policy(), policy(scope=frozenset({DATA})), f"scope everywhere -> {DATA}"),
        (policy(), policy(caps=Caps(approvals_per_sweep=5)), "caps + sweep 5, - sweep 100"),
        (policy(), policy(grants=Grants(approvals=2)), "grants + approvals 2, - approvals 1"),
        (policy(ttl=10), policy(ttl=60), "ttl 10 -> 60"),
    ],
)
def test_each_thing_that_differs_is_one_line(old: Policy, new: Policy, line: str) -> None:
    (found,) = diff(old, new)
    assert found.startswith(line)


def test_a_vendor_that_changes_shows_in_the_rules_that_name_it() -> None:
    rule_of = {"name": "r", "verdict": "approve", "requesters": {"vendors": ["Acme"]}, "targets": {"all": True}}
    more = vendor(endpoints=[str(OTHER)])
    old, new = (policyfile.parse(file(rules=[rule_of], vendors=[one])) for one in (vendor(), more))
    (line,) = diff(old, new)
    assert line == f"rule 'r': requesters endpoint {endpoint_id()} -> endpoint {OTHER}"


def test_the_order_of_rules_is_told_only_where_it_means_something() -> None:
    assert diff(policy(rule("a"), rule("b")), policy(rule("b"), rule("a"))) == ()


def test_a_new_owner_that_leaves_the_old_records_alone_is_told() -> None:
    assert diff(policy(), policy(owner="new")) == (
        "owner contoso-hub -> new",
        "records marked 'contoso-hub' no longer count as ours",
    )
    assert len(diff(policy(), policy(owner="new", previous_owners=("contoso-hub",)))) == 2


def test_a_vendor_that_becomes_shared_is_one_line_however_many_rules_there_are() -> None:
    rules = [
        {"name": f"r{n}", "verdict": "approve", "requesters": {"all": True}, "targets": {"all": True}} for n in range(9)
    ]
    old, new = (policyfile.parse(file(rules=rules, vendors=[vendor(shared=shared)])) for shared in (False, True))
    assert diff(old, new) == (f"shared subscriptions none -> {TEAM}",)


@examples(200)
@given(drawn.policies, drawn.policies)
def test_there_is_a_line_exactly_where_two_policies_differ(old: Policy, new: Policy) -> None:
    assert diff(old, old) == ()
    new = replace(new, hash="other")
    assert (diff(old, new) == ()) == (replace(old, hash="") == replace(new, hash=""))


# --- consequences ------------------------------------------------------------------------------------


def follows(old: Policy, new: Policy, *connections: Any) -> Consequences:
    return consequences(old, new, [(TARGET, one) for one in connections], NOW)


@pytest.mark.parametrize(
    ("old", "new", "one", "kind"),
    [
        (policy(), policy(RULE), connection(), "approves"),
        (policy(RULE), policy(), connection(), "holds"),
        (policy(), policy(reject()), connection(), "rejects"),
        (policy(RULE), policy(), APPROVED, "uncovers"),
        (policy(RULE), policy(RULE, reject()), APPROVED, "uncovers"),
        (policy(), policy(RULE), APPROVED, "covers"),
        (policy(), policy(rule(targets=Targets(tags=(("env", "prod"),)))), connection(), "unsure"),
        (policy(RULE, scope=frozenset({STRANGER})), policy(RULE), connection(), "approves"),
        (policy(RULE), policy(RULE, scope=frozenset({STRANGER})), connection(), "holds"),
        (policy(rule(tenants=frozenset({STRANGER}))), policy(), APPROVED, "uncovers"),
        (policy(scope=frozenset({STRANGER})), policy(), APPROVED, "uncovers"),
        (policy(RULE), policy(rule(tenants=frozenset({STRANGER}))), APPROVED, "unsure"),
        (policy(RULE), policy(rule(approvals=1)), connection(), "holds"),
    ],
)
def test_what_the_new_policy_decides_otherwise_is_told(old: Policy, new: Policy, one: Any, kind: str) -> None:
    found = follows(old, new, one)
    kinds = [name for name in ("approves", "rejects", "holds", "covers", "uncovers", "unsure") if getattr(found, name)]
    assert (kinds, found.looked) == ([kind], 1)


@pytest.mark.parametrize(
    ("old", "new", "one"),
    [
        (policy(), policy(reject()), APPROVED),
        (policy(scope=frozenset({STRANGER})), policy(), connection()),
        (policy(rule(tenants=frozenset({STRANGER}))), policy(), connection()),
        (policy(RULE), policy(rule("other")), connection()),
    ],
    ids=[
        "not covered before either",
        "only now in scope",
        "perhaps before, waits now",
        "another rule, the same answer",
    ],
)
def test_what_makes_no_difference_to_anybody_is_not_told(old: Policy, new: Policy, one: Any) -> None:
    assert follows(old, new, one) == Consequences(looked=1)


def test_a_link_service_has_no_names_to_unblock() -> None:
    service = target_id("pls1", kind="Microsoft.Network/privateLinkServices")
    one = connection(id=service.child("privateEndpointConnections", "c1"), status=Status.APPROVED)
    assert consequences(policy(hubs=()), policy(), [(service, one)], NOW) == Consequences(looked=1)


@pytest.mark.parametrize("status", [Status.REJECTED, Status.DISCONNECTED, Status.UNKNOWN])
def test_what_is_over_is_not_counted(status: Status) -> None:
    found = follows(policy(), policy(RULE), connection(status=status))
    assert found == Consequences(looked=1)


def test_names_begin_and_end_with_the_hubs_that_serve_an_approved_endpoint() -> None:
    east = hub("east", zones=hub().zones.__class__.parse(f"/subscriptions/{DATA}/resourceGroups/dns"))
    found = follows(policy(), policy(hubs=(east,)), APPROVED, connection("c2", endpoint=OTHER))
    assert [one.hub for one in found.unblocks] == ["east"]
    assert [one.hub for one in found.drops] == ["west"]


@examples(200)
@given(drawn.policies, st.lists(drawn.cases, max_size=4))
def test_nothing_follows_from_no_change(some: Policy, cases: Any) -> None:
    assert consequences(some, some, cases, NOW) == Consequences(looked=len(cases))


@examples(300)
@given(drawn.policies, drawn.policies, drawn.cases, st.sampled_from((Status.PENDING, Status.APPROVED)), drawn.arounds)
def test_whoever_is_decided_otherwise_is_told(old: Policy, new: Policy, case: Any, status: Status, around: Any) -> None:
    target, one = case
    found = consequences(old, new, [(target, replace(one, status=status))], NOW, {one.id: around})
    around = replace(around, afterwards=around.afterwards or status is Status.APPROVED)
    before, after = (decide(one, target=target, policy=p, now=NOW, around=around) for p in (old, new))
    told = [getattr(found, kind) for kind in ("approves", "rejects", "holds", "covers", "uncovers", "unsure")]
    assert sum(map(len, told)) <= 1
    if Verdict.APPROVE in (before.verdict, after.verdict) and before.verdict is not after.verdict:
        assert any(told)


@examples(200)
@given(drawn.policies, drawn.policies, st.lists(drawn.cases, max_size=4), st.randoms())
def test_the_order_of_an_estate_does_not_matter(old: Policy, new: Policy, cases: Any, random: Any) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)
    assert consequences(old, new, cases, NOW) == consequences(old, new, shuffled, NOW)


# --- the file and the command ------------------------------------------------------------------------

BOTH = [(TARGET, connection()), (TARGET, connection("c2", endpoint=OTHER, status=Status.APPROVED, link_identifier="7"))]


def test_an_estate_reads_what_it_writes() -> None:
    raw = "\n".join(estate.line(target, one) for target, one in BOTH).encode()
    assert [(e.target, replace(e.connection, name="")) for e in estate.parse(raw).entries] == [
        (target, replace(one, name="")) for target, one in BOTH
    ]


def test_what_is_listed_twice_counts_once_and_two_requests_under_one_id_are_not_decided() -> None:
    same, other = estate.line(TARGET, connection()), estate.line(TARGET, connection(endpoint=OTHER))
    assert len(estate.parse(f"{same}\n{same}".encode()).entries) == 1
    both = [entry.connection for entry in estate.parse(f"{same}\n{other}".encode()).entries]
    assert follows(policy(), policy(RULE), *both) == Consequences(looked=2)


def test_lines_an_array_and_an_answer_of_the_app_mean_the_same() -> None:
    lines = [estate.line(target, one) for target, one in BOTH]
    array = f"[{', '.join(lines)}]"
    texts = ["\ufeff" + "\n".join(lines), "\r\n".join(lines) + "\n\n", array, f'{{"value": {array}}}']
    assert len({estate.parse(text.encode()).pairs for text in texts}) == 1


def test_what_an_estate_knows_of_the_surroundings_decides() -> None:
    corp = policy(rule(requesters=Requesters(management_groups=frozenset({"corp"})), tenants=frozenset({STRANGER})))
    for below, kind in ((["Corp"], "approves"), ([], "")):
        raw = estate.line(TARGET, connection(), managementGroups=below, tenant=STRANGER).encode()
        read = estate.parse(raw)
        found = consequences(policy(), corp, read.pairs, NOW, read.arounds(corp))
        assert (bool(found.approves), bool(found.unsure)) == (bool(kind), False)


@pytest.mark.parametrize(
    ("raw", "mistake"),
    [
        (b"{}", "entry 1: not text"),
        (b"[7]", "entry 1: is no object"),
        (b"\xff", "is not UTF-8"),
        (b'{"a": 1}\n{', "line 2: is not JSON"),
        (estate.line(TARGET, connection()).replace("Pending", "Maybe").encode(), "its status is none of"),
        (estate.line(TARGET, connection(), target=str(OTHER)).encode(), "does not lie under its target"),
        (estate.line(TARGET, connection(), guid="x").encode(), "its guid is no GUID"),
        (estate.line(TARGET, connection(), groups="blob").encode(), "its groups are no list"),
        (estate.line(TARGET, connection(endpoint=TARGET)).encode(), "its endpointId is not that of a private endpoint"),
        (estate.line(TARGET, connection(link_identifier="1e3")).encode(), "its linkIdentifier is no number"),
    ],
)
def test_what_is_no_estate_is_a_mistake(raw: bytes, mistake: str) -> None:
    with pytest.raises(estate.BadEstate, match=re.escape(mistake)):
        estate.parse(raw)


EVIL = "pe`|</td>[x](javascript:1)![](http://e)\n@team<!--*_~\u202e"


@examples(200)
@given(st.text(max_size=300) | st.just(EVIL))
def test_a_name_from_outside_stays_inside_its_code_span(name: str) -> None:
    shown = difftext.code(name)
    assert (shown[0], shown[-1]) == ("`", "`")
    assert not set(shown[1:-1]) & set("`|\\\n\r\u202e")
    assert 2 < len(shown) <= 202


def run(*args: str) -> Any:
    return CliRunner().invoke(cli, ["policy", "diff", *args])


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    first = (Path(__file__).resolve().parents[2] / "policy" / "examples" / "first.yaml").read_text()
    old, new, connections = (tmp_path / name for name in ("old.yaml", "new.yaml", "estate.jsonl"))
    old.write_text(first.replace("groups: [blob] ", "groups: [dfs] "))
    new.write_text(first)
    connections.write_text("\n".join(estate.line(target, one) for target, one in BOTH))
    return str(old), str(new), str(connections)


def test_the_first_line_is_what_a_reviewer_needs(files: tuple[str, str, str]) -> None:
    old, new, connections = files
    done = run(old, new, "--estate", connections)
    assert done.stdout.splitlines()[0] == "approves 1 held, covers 1"
    assert "* `rule 'analytics team': groups dfs -> blob`" in done.stdout
    assert done.exit_code == 0


def test_without_an_estate_only_the_files_are_compared(files: tuple[str, str, str]) -> None:
    old, new, _ = files
    assert run(old, new).stdout.splitlines()[0] == "1 difference; without an estate nobody is known"
    assert run(old, old).stdout.splitlines()[4] == "* nothing: both mean the same"


def test_as_json_every_connection_is_named(files: tuple[str, str, str]) -> None:
    old, new, connections = files
    body = json.loads(run(old, new, "--estate", connections, "--json").stdout)
    assert body["approves"][0]["connectionId"] == str(connection().id)
    assert (len(body["diff"]), len(body["covers"]), body["looked"]) == (1, 1, 2)


def test_a_bad_policy_or_estate_ends_with_its_mistakes(files: tuple[str, str, str], tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("version: 2\n")
    assert run(files[0], str(bad)).exit_code == 1
    assert run(files[0], files[1], "--estate", str(bad)).exit_code == 1
