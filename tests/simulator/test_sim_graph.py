"""Management groups, and what Resource Graph tells of subscriptions and resources."""

from __future__ import annotations

from typing import Any

import pytest

A, B, C = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("a", 1), ("b", 2), ("c", 3)))
GROUPS = "/providers/Microsoft.Management/managementGroups"
SUBSCRIPTIONS = "resourcecontainers | where type == 'microsoft.resources/subscriptions' | project subscriptionId, id"


def group(cloud: Any, name: str, parent: str | None = None) -> Any:
    details = {"parent": {"id": f"{GROUPS}/{parent}"}} if parent else {}
    return cloud.put(f"{GROUPS}/{name}", {"properties": {"displayName": f"Group {name}", "details": details}})


def place(cloud: Any, subscription: str, name: str) -> Any:
    return cloud.call("PUT", f"{GROUPS}/{name}/subscriptions/{subscription}")


def ask(cloud: Any, query: str = SUBSCRIPTIONS, **more: Any) -> Any:
    return cloud.call(
        "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", {"query": query, **more}
    )


def below(cloud: Any, *groups: str) -> list[str]:
    return sorted(row["subscriptionId"] for row in ask(cloud, managementGroups=list(groups)).json()["data"])


def reasons(answer: Any) -> list[str]:
    return [one["code"] for one in answer.json()["error"]["details"]]


def as_app(cloud: Any) -> None:
    cloud.principal = cloud.azure.tokens.make("app", "https://management.azure.com")


@pytest.fixture
def tree(cloud: Any) -> Any:
    """top > low; a in top, b in low, c nowhere."""
    group(cloud, "top")
    group(cloud, "low", "top")
    place(cloud, A, "top")
    place(cloud, B, "low")
    cloud.target(subscription=C)
    return cloud


def test_a_group_is_below_the_root_unless_told(tree: Any) -> None:
    top, low = (tree.get(f"{GROUPS}/{name}").json()["properties"] for name in ("top", "low"))
    assert top["details"]["parent"]["displayName"] == "Tenant Root Group"
    assert low["details"]["parent"] == {"id": f"{GROUPS}/top", "name": "top", "displayName": "Group top"}


def test_descendants_are_groups_and_subscriptions_all_the_way_down(tree: Any) -> None:
    rows = tree.get(f"{GROUPS}/top/descendants").json()["value"]
    assert [row["name"] for row in rows] == ["low", A, B]
    assert rows[2]["properties"]["parent"]["id"] == f"{GROUPS}/low"


def test_the_children_are_shown_when_asked_for(tree: Any) -> None:
    children = tree.get(f"{GROUPS}/top?$expand=children&$recurse=true&api-version=2023-04-01").json()["properties"][
        "children"
    ]
    assert [row["name"] for row in children] == ["low", A]
    assert [row["name"] for row in children[0]["children"]] == [B]


def test_a_subscription_is_in_one_group_at_a_time(tree: Any) -> None:
    assert place(tree, A, "low").json()["properties"]["parent"]["id"] == f"{GROUPS}/low"
    assert tree.get(f"{GROUPS}/top/subscriptions/{A}").status_code == 404
    assert below(tree, "low") == [A, B]


def test_a_subscription_taken_out_goes_back_to_the_root(tree: Any) -> None:
    assert tree.delete(f"{GROUPS}/low/subscriptions/{B}").status_code == 200
    assert below(tree, "top") == [A]
    assert B in below(tree, tree.azure.world.hierarchy.tree.chain(B)[0].name)


def test_a_group_goes_only_when_it_is_empty(tree: Any) -> None:
    assert tree.delete(f"{GROUPS}/low").status_code == 400
    tree.delete(f"{GROUPS}/low/subscriptions/{B}")
    assert tree.delete(f"{GROUPS}/low").status_code == 202
    assert tree.get(f"{GROUPS}/low").status_code == 404
    assert tree.delete(f"{GROUPS}/low").status_code == 204


def test_a_group_cannot_be_put_below_itself_or_nothing(tree: Any) -> None:
    assert group(tree, "top", "low").status_code == 400
    assert group(tree, "new", "nowhere").status_code == 404


def test_a_query_sees_all_subscriptions_below_its_groups(tree: Any) -> None:
    assert (below(tree, "top"), below(tree, "low"), below(tree, "low", "top")) == ([A, B], [B], [A, B])


def test_a_subscription_knows_the_groups_above_it(tree: Any) -> None:
    query = f"resourcecontainers | where subscriptionId == '{B}' | project properties.managementGroupAncestorsChain"
    chain = ask(tree, query).json()["data"][0]["properties_managementGroupAncestorsChain"]
    assert [one["name"] for one in chain][:2] == ["low", "top"]
    assert chain[-1]["displayName"] == "Tenant Root Group"


def test_the_graph_may_lag_behind_the_groups(tree: Any) -> None:
    tree.azure.switch(graph_lag=3600, graph_unknown="empty")
    assert below(tree, "top") == []
    tree.azure.switch(graph_lag=0)
    assert below(tree, "top") == [A, B]


@pytest.mark.parametrize("name", ["nobody", "empty"])
def test_a_scope_without_subscriptions_is_refused_or_empty(tree: Any, name: str) -> None:
    group(tree, "empty")
    refused = ask(tree, managementGroups=[name])
    assert (refused.status_code, reasons(refused)) == (400, ["NoValidSubscriptionsInQueryRequest"])
    tree.azure.switch(graph_unknown="empty")
    assert below(tree, name) == []


def test_a_name_that_no_group_can_have_is_refused(tree: Any) -> None:
    assert reasons(ask(tree, managementGroups=["Tenant Root Group"])) == ["ManagementGroupsContainInvalidIds"]


def test_missing_rights_give_fewer_rows(tree: Any) -> None:
    tree.azure.subscription(A, readable=False)
    as_app(tree)
    assert below(tree, "top") == [B]
    assert ask(tree, subscriptions=[A, B]).json()["count"] == 1
    assert (ask(tree, subscriptions=[A]).status_code, tree.get(f"/subscriptions/{A}").status_code) == (403, 403)


def test_a_transferred_subscription_leaves_its_group(tree: Any) -> None:
    tree.azure.subscription(A, tenant="12345678-0000-4000-8000-000000000000")
    assert below(tree, "top") == [B]
    assert place(tree, A, "top").status_code == 404


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("resources | where type == 'microsoft.keyvault/vaults'", ["kv1"]),
        ("Resources | where type == 'Microsoft.KeyVault/vaults'", []),
        ("resources | where type =~ 'Microsoft.KeyVault/vaults' and name == 'kv1'", ["kv1"]),
        ('resources | where name in~ ("KV1", "acct1") | order by name', ["kv1", "acct1"]),
        ("resources | sort by type asc, name desc | take 1", ["kv1"]),
        ("resources | where tags.team == 'x' | project name, at = location", ["kv1"]),
        ("resources | where resourceGroup != 'data'", []),
    ],
)
def test_the_graph_answers_simple_queries(cloud: Any, query: str, names: list[str]) -> None:
    cloud.target()
    kv = {"location": "westeurope", "tags": {"team": "x"}}
    cloud.put(cloud.id("Microsoft.KeyVault/vaults", "kv1"), kv)
    assert [row["name"] for row in ask(cloud, query).json()["data"]] == names


@pytest.mark.parametrize(
    "query",
    [
        "",
        "nothing",
        "resources | count",
        "resources | where name has 'x'",
        "resources | where name == 'x' or name == 'y'",
        "resources | project-away id",
        "resources | where nothing == 'x'",
        "resources where name == 'x'",
        "resources | where name == 'it''s'",
        "resources | where tolower(name) == 'x'",
    ],
)
def test_the_rest_of_the_language_is_refused(cloud: Any, query: str) -> None:
    cloud.target()
    answer = ask(cloud, query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert reasons(answer)[0] == "InvalidQuery"


def test_rows_come_in_pages(cloud: Any) -> None:
    for number in range(5):
        cloud.target(name=f"acct{number}")
    cloud.azure.switch(page_size=2)
    names, options = [], {}
    while True:
        answer = ask(cloud, "resources | project id, name | order by name asc", options=options).json()
        names += [row["name"] for row in answer["data"]]
        if "$skipToken" not in answer:
            break
        options = {"$skipToken": answer["$skipToken"]}
    assert (names, answer["totalRecords"], answer["count"]) == ([f"acct{n}" for n in range(5)], 5, 1)


@pytest.mark.parametrize("query", ["resources | project name", "resources | limit 4"])
def test_without_ids_or_with_a_limit_the_rest_is_cut_off(cloud: Any, query: str) -> None:
    for number in range(5):
        cloud.target(name=f"acct{number}")
    answer = ask(cloud, query, options={"$top": 2}).json()
    assert (answer["count"], answer["resultTruncated"], "$skipToken" in answer) == (2, "true", False)


def test_queries_have_a_budget_of_their_own(cloud: Any) -> None:
    cloud.target()
    cloud.azure.forget_calls()
    assert ask(cloud).headers["x-ms-user-quota-remaining"] == "14"
    assert cloud.azure.calls()["totals"]["operator"]["arm_reads"] == 1
    cloud.azure.switch(throttle=True)
    assert [ask(cloud).status_code for _ in range(15)] == [200] * 14 + [429]
