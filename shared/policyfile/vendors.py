"""What the vendors that Linkkeeper knows usually connect to. Data; source: reference/vendors.md sections 1 to 7.

`shared`: their endpoints live in subscriptions that serve all of that vendor's customers, so that a subscription
says nothing about who asks. Groups: empty where the type has none.
"""

from __future__ import annotations

_POSTGRES = {"Microsoft.DBforPostgreSQL/flexibleServers": ("postgresqlServer",)}
_SQL = {"Microsoft.Sql/servers": ("sqlServer",), "Microsoft.Sql/managedInstances": ("managedInstance",)}
_DATABRICKS = {"Microsoft.Databricks/workspaces": ("databricks_ui_api",)}
_SERVICES: dict[str, tuple[str, ...]] = {"Microsoft.Network/privateLinkServices": ()}

USUAL: dict[str, dict[str, tuple[str, ...]]] = {
    "sigma": {
        **_DATABRICKS,
        **_POSTGRES,
        "Microsoft.DBforPostgreSQL/servers": ("postgresqlServer",),
        "Microsoft.DBforMySQL/flexibleServers": ("mysqlServer",),
        **_SQL,
        **_SERVICES,
    },
    "dbt": _POSTGRES,
    "grafana": {
        "Microsoft.DocumentDB/databaseAccounts": ("MongoDB",),
        "Microsoft.DBforPostgreSQL/serverGroupsv2": ("coordinator",),
        "Microsoft.Kusto/clusters": ("cluster",),
        "Microsoft.Insights/privateLinkScopes": ("azuremonitor",),
        "Microsoft.Monitor/accounts": ("prometheusMetrics",),
        **_SQL,
        **_SERVICES,
        **_DATABRICKS,
        **_POSTGRES,
    },
}
