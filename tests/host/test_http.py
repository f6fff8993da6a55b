"""HTTP triggers over a real socket."""

import json

import pytest

from tests.host.conftest import Running, Start

pytestmark = pytest.mark.wire
APP = """
@app.route("hello/{name?}", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    seen = {"name": req.route_params.get("name"), "query": dict(req.params), "odd": req.headers.get("X-Odd"),
            "body": req.get_json() if req.get_body() else None, "url": req.url, "thread": "loop"}
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json",
                             headers={"Location": "/somewhere"})

@app.route("open", auth_level=func.AuthLevel.ANONYMOUS)
def opened(req: func.HttpRequest, context: func.Context) -> str:
    return f"{context.function_name} {len(context.invocation_id)}"

@app.route("boom", auth_level="anonymous")
async def boom(req):
    raise ValueError("the reason stays in the log")

@app.route("closed", auth_level="admin")
async def closed(req) -> func.HttpResponse:
    logging.getLogger("tiny").info("inside", extra={"target": "t 1", "count": 2})
    return func.HttpResponse()
"""


def test_a_request_arrives_as_the_worker_hands_it_over(app: Running) -> None:
    answer = app.call("/api/hello/ada?a=1&a=2&b=", "POST", {"x": 1}, x_functions_key="the-host", X_ODD="yes")
    seen = json.loads(answer.text)
    assert (answer.status, answer.headers["Location"]) == (201, "/somewhere")
    assert answer.headers["Content-Type"] == "application/json"
    assert (seen["name"], seen["query"], seen["body"]) == ("ada", {"a": "1,2", "b": ""}, {"x": 1})
    assert seen["odd"] == "yes"


@pytest.mark.parametrize(
    ("key", "status"),
    [("the-host", 201), ("hello-only", 201), ("the-master", 201), ("the-system", 401), ("wrong", 401), ("", 401)],
)
def test_keys_open_a_function_as_in_azure(app: Running, key: str, status: int) -> None:
    assert app.call("/api/hello", x_functions_key=key).status == status
    assert app.call(f"/api/hello?code={key}").status == status


def test_only_the_master_key_opens_an_admin_function_and_extra_fields_reach_the_log(app: Running) -> None:
    assert app.call("/api/closed", x_functions_key="the-host").status == 401
    assert app.call("/api/closed", x_functions_key="the-master").status == 200
    assert app.said('tiny  inside  target="t 1" count=2')


def test_a_sync_function_runs_in_a_thread_and_may_ask_for_its_context(app: Running) -> None:
    assert app.call("/api/open").text == "opened 36"


def test_an_exception_is_an_empty_500_and_a_traceback_in_the_log(app: Running) -> None:
    answer = app.call("/api/boom")
    assert (answer.status, answer.text) == (500, "")
    assert app.said("ValueError: the reason stays in the log")


@pytest.mark.parametrize(("path", "method"), [("/api/nowhere", "GET"), ("/hello", "GET"), ("/api/hello", "DELETE")])
def test_what_no_route_takes_is_404(app: Running, path: str, method: str) -> None:
    assert app.call(path, method, x_functions_key="the-host").status == 404


def test_the_route_prefix_comes_from_host_json(start: Start) -> None:
    app = start(APP.replace("pass", ""), extensions={"http": {"routePrefix": ""}})
    assert app.call("/open").status == 200


def test_sigterm_lets_a_request_finish_and_ends_with_0(start: Start) -> None:
    app = start("""
        @app.route("slow", auth_level="anonymous")
        async def slow(req) -> str:
            logging.info("begun")
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), 15)
            await asyncio.sleep(0.7)
            return "finished"
        """)
    assert app.call("/api/slow").text == "finished"
    assert app.process.wait(5) == 0


@pytest.mark.parametrize("body", ["await asyncio.sleep(60)", "time.sleep(60)"])
def test_a_function_that_outlives_its_timeout_kills_the_worker(start: Start, body: str) -> None:
    kind = "async def" if "await" in body else "def"
    app = start(
        f"""
        @app.timer_trigger("t", schedule="00:00:01", run_on_startup=True)
        {kind} forever(t):
            {body}
        """,
        functionTimeout="00:00:01",
    )
    assert app.process.wait(10) not in (0, None)
    assert app.said("exceeded by function 'forever'")
