"""The Functions app: four blueprints, nothing else."""

import azure.functions as func

from functions import audits, events, requests, work

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (events.blueprint, work.blueprint, requests.blueprint, audits.blueprint):
    app.register_functions(blueprint)
