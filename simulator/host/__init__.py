"""A functions host for machines without Core Tools.

Knows what the Azure Functions host and its Python worker do: indexing, keys, HTTP routes, the Event
Grid webhook, queues, timers. Refuses to know the app it runs: it learns everything from
`function_app.py`, `host.json` and the app settings in its environment.
"""
