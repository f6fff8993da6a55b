"""Every story of this folder through the real app, the real host and real storage, over the wire."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.children import free_base
from simulator.session import simulator
from simulator.stories.playing import VOCABULARY, failures, play, read_stories
from simulator.stories.reading import Story, StoryUnclear, read_story
from simulator.stories.wire import Wire

FOLDER = Path(__file__).parent
STORIES = read_stories(FOLDER)


TIMELINES = [story for story in STORIES if 44 <= int(story.path.stem[:2]) <= 53]
"""Of Cosmos DB regions: what becomes of their events must not matter."""


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with _simulator("reliable", 19_000) as found:
        yield found


@pytest.fixture(scope="session")
def chaos() -> Iterator[Wire]:
    """Events come out of order, late, twice, or not at all."""
    with _simulator("chaotic", 29_000) as found:
        yield found


@contextmanager
def _simulator(events: str, base: int) -> Iterator[Wire]:
    """One simulator for each pytest-xdist worker, on ports of its own: stories do not get in each other's way."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    ports = str(free_base(base + 1_000 * int(worker.removeprefix("gw")), 9))
    policy = str(FOLDER / "policy" / "stories.yaml")
    options = ("--policy", policy, "--audit-every", "5", "--events", events, "--seed", "7", "--port-base", ports)
    with simulator(*options, log=f"stories-{events}-{worker}.log") as session:
        yield Wire(session.facts)


@pytest.mark.wire
@pytest.mark.parametrize("story", STORIES, ids=[story.path.stem for story in STORIES])
def test_the_story_ends_as_told(story: Story, wire: Wire) -> None:
    assert failures(play(story, wire)) == []


@pytest.mark.wire
@pytest.mark.parametrize("story", TIMELINES, ids=[story.path.stem for story in TIMELINES])
def test_the_story_ends_as_told_whatever_becomes_of_its_events(story: Story, chaos: Wire) -> None:
    assert failures(play(story, chaos)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: t\nthen:\n  - connection: {endpoint: e, status: Approved, soon: yes}", "does not know 'soon'"),
        ("title: t\nthen:\n  - connection: {endpoint: e}", "needs 'status'"),
        ("title: t\nthen:\n  - conection: {endpoint: e}", "then[0]: unknown step 'conection'"),
        ("title: t\nwhen:\n  - connection: {endpoint: e, status: Approved}\nthen: []", "when[0]: unknown step"),
        ("title: t\nexpect: []", "unknown key expect"),
        ("title: t\ngiven: []", "proves nothing"),
        ("given: []", "with a title"),
        ("title: t\nlater:\n  - than: []", "later[0]: unknown key than"),
    ],
)
def test_a_story_that_is_not_understood_names_file_and_step(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(StoryUnclear, match=r"^odd\.yaml") as caught:
        read_story(tmp_path / "odd.yaml", VOCABULARY)
    assert said in str(caught.value)


def test_a_step_tells_itself_in_words() -> None:
    told = [step.told for step in STORIES[0].steps]
    assert told[2] == (
        'the analytics team asks for a private endpoint sales01-blob to sales01 (blob), saying "for the dashboards"'
    )
    assert told[3] == "the connection of sales01-blob is Approved"
