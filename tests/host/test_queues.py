"""Queue triggers against a real Azurite: HTTPS, managed identity, base64."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from tests.host.conftest import Running, Storage, soon

pytestmark = pytest.mark.wire
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Queue:
    """The outside view of one queue and its poison queue."""

    def __init__(self, service: QueueServiceClient, name: str) -> None:
        self.name, self._service = name, service
        self.client, self.poison = service.get_queue_client(name), service.get_queue_client(f"{name}-poison")

    def send(self, *texts: str) -> None:
        for text in texts:
            self.client.send_message(base64.b64encode(text.encode()).decode())

    def is_empty(self) -> bool:
        return self.client.get_queue_properties().approximate_message_count == 0

    def poisoned(self) -> list[str]:
        try:
            return [message.content for message in self.poison.peek_messages(max_messages=32)]
        except ResourceNotFoundError:
            return []


@pytest.fixture
def queue(storage: Storage, request: pytest.FixtureRequest) -> Iterator[Queue]:
    service = QueueServiceClient(storage.queue, credential=KEY, connection_verify=str(storage.ca))
    found = Queue(service, f"q{time.monotonic_ns()}")
    found.client.create_queue()
    yield found
    service.close()


@pytest.fixture
def run(start: Callable[..., Running], storage: Storage, queue: Queue) -> Callable[..., Running]:
    def begin(body: str, options: tuple[str, ...] = (), **queues: Any) -> Running:
        source = (
            "@app.queue_trigger('msg', queue_name='%QUEUE%', connection='AzureWebJobsStorage')\n"
            "async def work(msg: func.QueueMessage):\n"
            "    text = msg.get_body().decode()\n"
            "    logging.info('<%s %d>', text, msg.dequeue_count)\n    " + body
        )
        return start(source, settings={**storage.settings, "QUEUE": queue.name}, queues=queues, options=options)

    return begin


def test_a_message_is_decoded_handled_and_deleted(run: Callable[..., Running], queue: Queue) -> None:
    app = run("pass")
    queue.send("grüezi")
    assert app.said("<grüezi 1>")
    assert soon(queue.is_empty)


def test_a_failing_message_comes_back_and_ends_in_the_poison_queue(run: Callable[..., Running], queue: Queue) -> None:
    app = run("raise RuntimeError('no')", maxDequeueCount=3)
    queue.send("bad")
    assert soon(lambda: queue.poisoned() == [base64.b64encode(b"bad").decode()])
    assert [app.said(f"<bad {count}>") for count in (1, 2, 3)] == [True] * 3
    assert queue.is_empty()


def test_after_an_exception_a_message_waits_for_the_visibility_timeout(
    run: Callable[..., Running], queue: Queue
) -> None:
    app = run("if msg.dequeue_count < 2: raise RuntimeError('later')", visibilityTimeout="00:00:03")
    queue.send("one")
    assert app.said("<one 1>")
    assert not app.said("<one 2>", within=1.5)
    assert app.said("<one 2>")


def test_a_message_that_is_not_base64_is_poison_at_once(run: Callable[..., Running], queue: Queue) -> None:
    run("pass")
    queue.client.send_message("plain text!")
    assert soon(lambda: queue.poisoned() == ["plain text!"])


def test_a_message_of_a_killed_worker_stays_hidden(run: Callable[..., Running], queue: Queue) -> None:
    first = run("os._exit(9)", options=("--hidden", "4"))
    queue.send("one")
    first.process.wait(10)
    second = run("pass", options=("--hidden", "4"))
    assert not second.said("<one 2>", within=1.5)
    assert second.said("<one 2>")


def test_a_long_running_message_is_kept_hidden(run: Callable[..., Running], queue: Queue) -> None:
    app = run("await asyncio.sleep(5)", options=("--hidden", "2"))
    queue.send("one")
    assert soon(queue.is_empty)
    assert not app.said("<one 2>", within=0.1)


def test_a_new_batch_is_fetched_only_below_the_threshold(
    run: Callable[..., Running], queue: Queue, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    queue.send("a", "b", "c")  # all there before anybody fetches, so that the first batch is two
    work = f"while not os.path.exists({str(gate)!r}): await asyncio.sleep(0.05)"
    app = run(work, batchSize=2, newBatchThreshold=0)
    assert app.said(" 1>", times=2)
    assert not app.said(" 1>", times=3, within=0.7)
    gate.touch()
    assert app.said(" 1>", times=3)


def test_a_queue_that_does_not_exist_yet_is_waited_for(run: Callable[..., Running], queue: Queue) -> None:
    queue.client.delete_queue()
    app = run("pass")
    assert app.said("does not exist yet")
    time.sleep(0.3)
    queue.client.create_queue()
    queue.send("at last")
    assert app.said("<at last 1>")
