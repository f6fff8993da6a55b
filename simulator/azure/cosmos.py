"""Knows the calls to Cosmos DB accounts: made, changed, failed over, regions offline and online, deleted.

Refuses to know how an account looks (accounts.py), and what endpoints make of other regions (following.py).
Documented and U: reference cosmos 1; codes of the refusals: assumed.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.azure import accounts, apis, connections, following, generic, operations, regions
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.catalog import region
from simulator.azure.durations import ACCOUNT, ACCOUNT_DELETED, FAILOVER, REGIONS, Takes
from simulator.azure.errors import ArmError
from simulator.azure.regions import Row, refused
from simulator.azure.world import Resource, World

TYPE = apis.TYPE


def put_account(call: Call) -> Reply:
    """200 and an operation, for new accounts too (what Azure CLI accepts)."""
    return _write(call, generic.put)


def patch_account(call: Call) -> Reply:
    return _write(call, generic.patch)


def _write(call: Call, act: Callable[[Call], Reply]) -> Reply:
    """Everything but regions changes at once (ours). New accounts are Succeeded at once too (Azure: Creating)."""
    world, old = call.world, call.world.get(call.path)
    given = (call.content.get("properties") or {}).get("locations")
    wanted = None if given is None else regions.asked(old.path.name if old else call.path.name, given)
    if old:
        accounts.alone(old)
        if wanted:
            regions.check(old.item.rows, wanted)
            if regions.same_set(old.item.rows, wanted):
                _failover_allowed(world, old, wanted)
    done = act(call)
    account = demand(world, call.path)
    rows = regions.kept(account.item.rows, wanted) if wanted else account.item.rows
    if rows == account.item.rows:
        return _slow(call, account, ACCOUNT, lambda: None, update=done.update)
    others = not regions.same_set(account.item.rows, rows)
    before = account.item.rows
    accounts.change(world, account, regions.between(before, rows), "Updating")

    def end() -> None:
        _end(world, account, before, rows)
        if others:
            following.changed(world, account)

    return _slow(call, account, REGIONS if others else FAILOVER, end, update=done.update)


def _slow(call: Call, account: Resource, takes: Takes, act: Callable[[], None], *, update: bool) -> Reply:
    world = call.world

    def end() -> None:
        if world.get(account.path) is account:
            act()
            world.grid.write(account.path, call.principal, update=update)

    operation = operations.begin(
        world, account.path, takes, end, style="cosmos", result=lambda: generic.render(world, account)
    )
    links = operations.links(call, operation, location=region(account.body.get("location")), result=True)
    return Reply(200, generic.render(world, account), links, event=False)


def _end(world: World, account: Resource, before: list[Row], rows: list[Row]) -> None:
    """The regions are as wanted; when the operation fails they are as before (assumed)."""
    try:
        world.failures.strike("account")
    except ArmError:
        accounts.change(world, account, before, "")
        raise
    accounts.change(world, account, rows, "")


def delete(call: Call) -> Reply:
    """202, never 200 (what Azure CLI accepts)."""
    world, resource = call.world, call.world.get(call.path)
    if resource is None:
        return Reply(204, event=False)
    accounts.alone(resource)
    if world.switches["cosmos_delete_guard"] and connections.of_target(world, resource.path):
        raise refused(f"The account {resource.path.name} cannot be deleted: private endpoints are attached to it.")
    accounts.change(world, resource, resource.item.rows, "Deleting")

    def done() -> None:
        if generic.delete(call).status == 200:
            world.grid.delete(resource.path, call.principal)

    operation = operations.begin(world, resource.path, ACCOUNT_DELETED, done, style="cosmos")
    return Reply(202, {"status": "Enqueued"}, operations.links(call, operation, result=True), event=False)


def failover(call: Call) -> Reply:
    """POST failoverPriorityChange: other order, same regions, so never other names."""
    account = demand(call.world, call.path.parent)
    accounts.alone(account)
    rows = regions.asked(account.path.name, call.content.get("failoverPolicies"))
    if not regions.same_set(account.item.rows, rows):
        raise refused("failoverPolicies must name every region of the account, and no other.")
    _failover_allowed(call.world, account, rows)
    priorities = {row["id"]: row["failoverPriority"] for row in rows}
    rows = [{**row, "failoverPriority": priorities[row["id"]]} for row in account.item.rows]
    return _action(call, account, sorted(rows, key=lambda row: row["failoverPriority"]))


def offline(call: Call) -> Reply:
    """POST offlineRegion {region}: it stays listed, with all its names. A write region hands over first."""
    account, chosen = _region(call)
    if len(account.item.rows) == 1:
        raise refused("The only region of an account cannot be taken offline.")
    rows = [row for row in account.item.rows if row["id"] != chosen]
    gone = [
        {**row, "provisioningState": call.world.switches["cosmos_offline"]}
        for row in account.item.rows
        if row["id"] == chosen
    ]
    if account.item.rows[0]["id"] != chosen:
        return _action(call, account, sorted([*rows, *gone], key=lambda row: row["failoverPriority"]))
    return _action(call, account, [{**row, "failoverPriority": n} for n, row in enumerate([*rows, *gone])])


def online(call: Call) -> Reply:
    """POST onlineRegion {region}: it serves again, with the priority it has."""
    account, chosen = _region(call)
    rows = [
        {**row, "provisioningState": "Succeeded"} if row["id"] == chosen else dict(row) for row in account.item.rows
    ]
    return _action(call, account, rows)


def _region(call: Call) -> tuple[Resource, str]:
    account = demand(call.world, call.path.parent)
    accounts.alone(account)
    chosen = f"{account.path.name}-{region(call.content.get('region'))}"
    if chosen not in {row["id"] for row in account.item.rows}:
        raise refused(f"The account {account.path.name} has no region '{call.content.get('region')}'.")
    return account, chosen


def _action(call: Call, account: Resource, rows: list[Row]) -> Reply:
    """202; the account is Updating, its rows and the action's event come at the end."""
    world, what = call.world, {"failoverprioritychange": "failoverPriorityChange", "offlineregion": "offlineRegion"}
    name, before = what.get(call.path.last.lower(), "onlineRegion"), account.item.rows
    accounts.change(world, account, before, "Updating")

    def end() -> None:
        if world.get(account.path) is account:
            _end(world, account, before, rows)
            world.grid.action(account.path, name, call.principal)

    operation = operations.begin(world, account.path, FAILOVER, end, style="cosmos")
    return Reply(202, {"status": "Enqueued"}, operations.links(call, operation, result=True), event=False)


def _failover_allowed(world: World, account: Resource, rows: list[Row]) -> None:
    """Seed: never to a region that is not mapped by every approved endpoint (switch cosmos_failover_guard)."""
    goal = rows[0]["id"]
    if not world.switches["cosmos_failover_guard"] or goal == account.item.rows[0]["id"]:
        return
    for link in connections.of_target(world, account.path).values():
        endpoint = world.get(link.endpoint)
        if link.state.status != "Approved" or endpoint is None or link.groups == ["Analytical"]:
            continue
        if goal.lower() not in {one.member.name.lower() for one in endpoint.item.addresses}:
            raise refused(
                f"The account cannot be failed over to {rows[0]['locationName']}: the private endpoint "
                f"{link.endpoint.id} is not mapped to that region. Update the private endpoint first."
            )


def name_exists(call: Call) -> Reply:
    """HEAD /providers/Microsoft.DocumentDB/databaseAccountNames/{name}."""
    taken = any(one.path.name.lower() == call.path.name.lower() for one in call.world.of_type(TYPE))
    return Reply(200 if taken else 404)
