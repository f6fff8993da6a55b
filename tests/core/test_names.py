"""Who may have which name, and what that means for the one record set: the truth table of names.py, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.claims import Wanted, wanted
from shared.core.ids import ResourceId
from shared.core.model import Claim, RecordSet, Status
from shared.core.names import Mark, NameState, desired, holder, step

from .build import (
    DEPLOYMENT,
    ENDPOINT,
    GUID,
    GUID2,
    GUID3,
    MARK,
    NOW,
    OTHER,
    TARGET,
    claim,
    endpoint,
    endpoint_id,
    examples,
    foreign,
    hub,
    labelled,
    link,
    name,
    policy,
    record,
    rid,
    state,
    target_id,
)

MINE, THEIRS = claim(), claim(OTHER, "10.0.0.5", guid=GUID2)
LATE = claim(endpoint_id("pe3"), "10.0.0.6", guid=GUID3)


def todo(of: NameState, mark: Mark = MARK, ttl: int = 10) -> Any:
    return step(of, mark, ttl)


def wants(one: Any, **changed: Any) -> Wanted:
    return wanted(one, TARGET, policy(**changed), "AzureCloud")


# --- the truth table ---------------------------------------------------------------------------------


def test_wanted_and_nothing_there_is_put_only_if_there_is_still_nothing() -> None:
    found = todo(state(MINE))
    assert (found.do, found.if_match) == ("put", None)
    assert (found.record.addresses, found.record.ttl) == (("10.0.0.4",), 10)


def test_wanted_and_the_same_there_and_ours_is_nothing() -> None:
    found = todo(state(MINE, present=record()))
    assert (found.do, found.finding) == ("", "")


@pytest.mark.parametrize("present", [record(addresses=("10.9.9.9",)), record(ttl=3600), record(addresses=())])
def test_wanted_and_different_and_ours_is_put_over_exactly_what_was_seen(present: RecordSet) -> None:
    found = todo(state(MINE, present=present))
    assert (found.do, found.if_match) == ("put", "e1")
    assert (found.record.addresses, found.record.ttl) == (("10.0.0.4",), 10)


def test_wanted_and_the_same_there_but_not_ours_is_a_note() -> None:
    found = todo(state(MINE, present=foreign("10.0.0.4")))
    text = f"foreign but correct: owned by 'created by private endpoint pe9 with resource guid {GUID3}'"
    assert found.do == ""
    assert found.finding.startswith(text)
    assert "nothing will ever remove the record" in found.finding


def test_wanted_and_different_and_not_ours_is_a_finding() -> None:
    found = todo(state(MINE, present=foreign("10.9.9.9")))
    assert found.do == ""
    assert found.finding.startswith("the record is in the way of pe1: owned by 'created by private endpoint pe9")


def test_claimed_but_held_by_another_live_claimant_is_a_contest() -> None:
    found = todo(state(MINE, THEIRS, present=record(THEIRS)))
    assert (found.do, found.finding) == ("", f"also claimed by {ENDPOINT}; pe2 holds it")


def test_given_up_while_another_claim_remains_is_handed_over() -> None:
    found = todo(state(THEIRS, present=record(MINE)))
    assert (found.do, found.if_match, found.why) == ("put", "e1", "handed over to pe2")
    assert found.record.addresses == ("10.0.0.5",)
    assert found.record.label("endpoint") == str(OTHER)


def test_given_up_and_no_claim_remains_is_deleted_exactly_as_seen() -> None:
    found = todo(state(present=record()))
    assert (found.do, found.if_match) == ("delete", "e1")
    assert found.why == "no endpoint claims it any more (pe1 gave it up)"


def test_not_wanted_and_not_ours_is_nothing() -> None:
    assert todo(state(present=foreign())).do == ""


# --- what is read before what is done ------------------------------------------------------------------


def test_a_name_that_nobody_claims_and_nobody_remembers_is_looked_at_first() -> None:
    assert todo(state(read=False)).do == "look"
    assert todo(state(read=True)).do == ""


def test_a_remembered_record_is_deleted_without_reading_it_again() -> None:
    assert todo(state(present=record(), read=False)).do == "delete"


def test_a_lost_claim_is_no_proof_so_the_last_holder_is_asked_before_its_record_is_deleted() -> None:
    found = todo(state(present=record(), fresh=frozenset()))
    assert (found.do, found.heir) == ("look", ENDPOINT)


def test_a_name_is_handed_over_only_to_an_heir_read_just_now() -> None:
    found = todo(state(THEIRS, present=record(MINE), fresh=frozenset()))
    assert (found.do, found.heir, found.record) == ("look", OTHER, None)


def test_a_name_is_first_written_only_for_an_endpoint_read_just_now() -> None:
    found = todo(state(MINE, fresh=frozenset({OTHER})))
    assert (found.do, found.heir) == ("look", ENDPOINT)


def test_a_record_that_differs_is_put_right_only_on_a_fresh_read_of_its_holder() -> None:
    found = todo(state(MINE, present=record(addresses=("10.9.9.9",)), fresh=frozenset()))
    assert (found.do, found.heir, found.record) == ("look", ENDPOINT, None)


def test_nothing_that_exists_is_changed_while_its_etag_is_not_known() -> None:
    assert todo(state(present=record(etag=""))).do == "look"
    assert todo(state(MINE, present=record(ttl=99, etag=""))).do == "look"


# --- ours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("present", "ours"),
    [
        (record(), True),
        (labelled(record(), owner="other-hub"), False),
        (labelled(record(), deployment="other"), False),
        (labelled(record(), managedBy="terraform"), False),
        (labelled(record(), managedBy=None), False),
        (labelled(record(), deployment=None), False),
        (record(metadata=()), False),
        (foreign(), False),
        (record(foreign=("auto-registered",)), False),
        (record(foreign=("unknown property trafficManagementProfile",)), False),
    ],
)
def test_a_record_is_ours_only_by_owner_and_deployment_and_only_if_we_know_all_of_it(
    present: RecordSet, ours: bool
) -> None:
    assert MARK.owns(present) is ours
    assert (todo(state(present=present)).do == "delete") is ours


def test_a_set_with_an_unknown_property_is_named_as_not_ours() -> None:
    present = record(foreign=("auto-registered",), addresses=("10.9.9.9",))
    assert todo(state(MINE, present=present)).finding == ("the record is in the way of pe1: not ours (auto-registered)")


def test_a_record_without_any_mark_says_so() -> None:
    assert todo(state(MINE, present=record(metadata=()))).finding == "foreign but correct: it carries no owner mark"


def test_a_record_of_a_previous_owner_is_ours_and_gets_the_new_mark() -> None:
    renamed = Mark(owner="new-hub", deployment=DEPLOYMENT, previous=("contoso-hub",))
    found = todo(state(MINE, present=record()), renamed)
    assert (found.do, found.if_match, found.record.label("owner")) == ("put", "e1", "new-hub")
    assert todo(state(MINE, present=record()), replace(renamed, previous=())).do == ""


def test_metadata_that_we_do_not_know_is_kept() -> None:
    found = todo(state(MINE, present=labelled(record(ttl=99), costCentre="42")))
    assert found.record.label("costCentre") == "42"
    assert found.record.label("owner") == "contoso-hub"


def test_unknown_metadata_alone_is_no_difference() -> None:
    assert todo(state(MINE, present=labelled(record(), costCentre="42"))).do == ""


def test_metadata_of_a_record_that_is_not_ours_is_not_taken_over() -> None:
    assert desired(MINE, MARK, 10, foreign()).label("creator") is None


def test_the_mark_names_owner_deployment_endpoint_target_and_guid() -> None:
    assert dict(desired(MINE, MARK, 10, None).metadata) == {
        "managedBy": "linkkeeper",
        "owner": "contoso-hub",
        "deployment": DEPLOYMENT,
        "endpoint": str(ENDPOINT),
        "target": str(TARGET),
        "guid": GUID,
    }


# --- the holder ------------------------------------------------------------------------------------------


def test_the_incumbent_keeps_the_name_while_it_lives() -> None:
    first = replace(MINE, since=NOW)
    assert holder([first, replace(THEIRS, since=NOW + timedelta(days=1))], record(THEIRS)) != first


def test_without_an_incumbent_the_first_journalled_claim_holds() -> None:
    early, late = replace(THEIRS, since=NOW), replace(MINE, since=NOW + timedelta(seconds=1))
    assert holder([late, early], None) == early


def test_a_journalled_claim_comes_before_one_that_is_not() -> None:
    assert holder([MINE, replace(LATE, since=NOW)], None) == replace(LATE, since=NOW)


def test_between_claims_of_one_moment_the_lowest_guid_holds() -> None:
    assert holder([LATE, THEIRS, MINE], None) == MINE
    assert holder([replace(MINE, guid=None), THEIRS], None) == THEIRS


def test_nobody_holds_what_nobody_claims() -> None:
    assert holder([], record()) is None


def test_an_endpoint_made_anew_under_its_old_id_is_not_the_incumbent() -> None:
    anew = replace(MINE, guid=GUID3)
    assert holder([anew, THEIRS], record(MINE)) == THEIRS
    assert todo(state(anew, present=record(MINE))).why == "handed over to pe1"


def test_an_incumbent_without_a_visible_guid_is_known_by_its_id() -> None:
    assert holder([THEIRS, replace(MINE, guid=None)], record(MINE)) == replace(MINE, guid=None)
    assert holder([THEIRS, MINE], labelled(record(MINE), guid="")) == MINE


def test_a_contest_names_every_other_claimant_once() -> None:
    found = todo(state(MINE, THEIRS, LATE, present=record(MINE)))
    assert found.finding == f"also claimed by {OTHER}, {endpoint_id('pe3')}; pe1 holds it"


# --- ceded names -----------------------------------------------------------------------------------------


def test_a_name_ceded_to_a_zone_group_is_neither_written_nor_deleted() -> None:
    assert todo(state(present=record(), ceded=True)).do == ""
    assert todo(state(ceded=True, read=False)).do == ""


def test_an_endpoint_with_a_zone_group_cedes_its_names_and_claims_none() -> None:
    found = wants(endpoint(group_zones=(name().zone,)))
    assert (found.claims, found.ceded, found.complete) == ((), (name(),), True)
    assert "Azure writes" in found.notes[0]


def test_a_zone_group_cedes_only_in_the_zones_that_it_writes() -> None:
    elsewhere = rid(str(name().zone).replace("resourceGroups/dns", "resourceGroups/other"))
    found = wants(endpoint(group_zones=(elsewhere,)))
    assert ([claim.name for claim in found.claims], found.ceded) == ([name()], ())


# --- what an endpoint asks for -----------------------------------------------------------------------------


def test_an_approved_endpoint_claims_its_name_in_the_hub_that_serves_it() -> None:
    assert wants(endpoint()) == Wanted(claims=(MINE,))


def test_an_endpoint_claims_its_name_in_every_hub_that_serves_it() -> None:
    from shared.core.ids import Scope

    east = hub("east", zones=Scope.parse("/subscriptions/cccccccc-0000-4000-8000-000000000003/resourceGroups/dns2"))
    groups = [claim.name.zone.group for claim in wants(endpoint(), hubs=(hub(), east)).claims]
    assert groups == ["dns", "dns2"]


@pytest.mark.parametrize("status", [Status.PENDING, Status.REJECTED, Status.DISCONNECTED])
def test_an_endpoint_that_is_not_approved_claims_nothing_although_it_has_an_address(status: Status) -> None:
    assert wants(endpoint(status=status)) == Wanted()


def test_an_endpoint_of_another_target_claims_nothing_here() -> None:
    assert wants(endpoint(links=(link(target=target_id("acct2")),))) == Wanted()


@pytest.mark.parametrize(
    "unsure",
    [endpoint(provisioned=False), endpoint(pairs=None), endpoint(status=Status.UNKNOWN)],
    ids=["not provisioned", "names not there", "state cannot be read"],
)
def test_a_look_that_is_not_complete_says_nothing_about_former_names(unsure: Any) -> None:
    found = wants(unsure)
    assert (found.claims, found.complete) == ((), False)
    assert found.notes


def test_a_name_that_no_rule_files_is_noted_and_the_others_are_claimed() -> None:
    pairs = (("acct1.blob.core.windows.net", ("10.0.0.4",)), ("db.contoso.com", ("10.0.0.9",)))
    found = wants(endpoint(pairs=pairs))
    assert found.claims == (MINE,)
    assert found.notes == ("no rule says which zone holds db.contoso.com",)


def test_a_hostile_name_is_refused_and_noted_and_the_others_are_claimed() -> None:
    pairs = (("../x.blob.core.windows.net", ("10.0.0.9",)), ("acct1.blob.core.windows.net", ("10.0.0.4",)))
    found = wants(endpoint(pairs=pairs))
    assert found.claims == (MINE,)
    assert "is refused" in found.notes[0]


def test_several_addresses_of_one_name_are_one_claim() -> None:
    pairs = (
        ("acct1.blob.core.windows.net", ("10.0.0.10",)),
        ("acct1.privatelink.blob.core.windows.net", ("10.0.0.9",)),
    )
    assert [one.addresses for one in wants(endpoint(pairs=pairs)).claims] == [("10.0.0.9", "10.0.0.10")]


# --- laws --------------------------------------------------------------------------------------------------

claims = st.builds(
    claim,
    st.sampled_from((ENDPOINT, OTHER, endpoint_id("pe3"))),
    st.sampled_from(("10.0.0.4", "10.0.0.5")),
    guid=st.sampled_from((GUID, GUID2, None)),
    since=st.sampled_from((None, NOW, NOW + timedelta(1))),
)
own = st.builds(record, claims, ttl=st.sampled_from((10, 300)), etag=st.sampled_from(("e1", "e1", "")))
sets = st.one_of(
    st.none(),
    st.builds(foreign, st.sampled_from(("10.0.0.4", "10.0.0.9"))),
    own,
    own.map(lambda one: labelled(one, owner="other-hub")),
    own.map(lambda one: labelled(one, deployment="other")),
    own.map(lambda one: replace(one, foreign=("auto-registered",))),
)
states = st.builds(
    lambda some, present, fresh, ceded, read: state(
        *{one.endpoint: one for one in some}.values(), present=present, fresh=fresh, ceded=ceded, read=read
    ),
    *(
        st.lists(claims, max_size=3),
        sets,
        st.frozensets(st.sampled_from((ENDPOINT, OTHER))),
        st.booleans(),
        st.booleans(),
    ),
)


@examples(200)
@given(states)
def test_no_step_ever_changes_what_is_not_ours_or_without_a_precondition(of: NameState) -> None:
    found = todo(of)
    if found.do in ("put", "delete"):
        creates = found.do == "put" and found.if_match is None and of.present is None
        changes = of.present is not None and MARK.owns(of.present) and found.if_match == of.present.etag != ""
        assert creates or changes
        assert found.record.name == of.name


@examples(200)
@given(states)
def test_a_record_is_deleted_only_when_no_claim_remains(of: NameState) -> None:
    if todo(of).do == "delete":
        assert of.claims == ()
        assert not of.ceded
        assert of.present is not None
        assert ResourceId.read(of.present.label("endpoint")) in of.fresh


@examples(200)
@given(states)
def test_a_record_is_written_only_for_a_claimant_that_was_read_in_the_same_settle(of: NameState) -> None:
    found = todo(of)
    if found.do == "put":
        written_for = [one for one in of.claims if str(one.endpoint) == found.record.label("endpoint")]
        assert written_for
        assert written_for[0].endpoint in of.fresh
        assert found.record.addresses == written_for[0].addresses


@examples(150)
@given(states)
def test_after_a_step_is_done_there_is_nothing_more_to_do(of: NameState) -> None:
    found = todo(of)
    if found.do in ("put", "delete"):
        after = replace(found.record, etag="e2") if found.do == "put" else None
        assert todo(replace(of, present=after, read=True)).do == ""


@examples(150)
@given(st.lists(claims, min_size=1, max_size=4), sets, st.randoms())
def test_the_holder_does_not_depend_on_the_order_of_claims(some: list[Claim], present: Any, random: Any) -> None:
    some = list({one.endpoint: one for one in some}.values())
    shuffled = random.sample(some, len(some))
    assert holder(shuffled, present) == holder(some, present)


def test_no_names_at_all_means_not_yet_and_never_delete() -> None:
    assert not wants(endpoint(pairs=())).complete


def test_names_that_the_owner_of_a_private_link_service_chose_are_not_claimed() -> None:
    pairs = (("bank.blob.core.windows.net", ("10.0.0.4",)),)
    assert wants(endpoint(links=(link(groups=()),), pairs=pairs)) == Wanted()
