"""Plays a story step by step. Knows deadlines; refuses to know how anybody shows it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from simulator.stories.acts import GIVEN, WHEN
from simulator.stories.checks import THEN
from simulator.stories.reading import Step, Story, read_story
from simulator.stories.wire import Wire
from simulator.stories.world import NotAsTold, World

VOCABULARY = {"given": GIVEN, "when": GIVEN | WHEN, "then": THEN}
DEADLINE = 45.0  # longer than an event's first retry and than one audit interval
PAUSE = 0.25


@dataclass(frozen=True)
class Told:
    """What became of one step."""

    step: Step
    seconds: float
    failure: str = ""


def read_stories(folder: Path) -> list[Story]:
    return [read_story(path, VOCABULARY) for path in sorted(folder.glob("*.yaml"))]


def play(
    story: Story, wire: Wire, deadline: float = DEADLINE, tell: Callable[[Told], None] = lambda told: None
) -> list[Told]:
    """Every step with its time; ends at the first that is not as told."""
    world = World(wire)
    all_told = []
    for step in story.steps:
        told = _play_step(step, world, deadline)
        all_told.append(told)
        tell(told)
        if told.failure:
            break
    return all_told


def failures(told: Iterable[Told]) -> list[str]:
    return [f"{one.step.where}: {one.step.told}: {one.failure}" for one in told if one.failure]


def _play_step(step: Step, world: World, deadline: float) -> Told:
    began = time.monotonic()
    until = began + (deadline if step.section == "then" else 0)
    while True:
        try:
            step.act(world, **step.arguments)
            return Told(step, time.monotonic() - began)
        except (NotAsTold, TimeoutError, KeyError, OSError) as error:
            if time.monotonic() >= until:
                text = str(error) if isinstance(error, NotAsTold) else f"{type(error).__name__}: {error}"
                return Told(step, time.monotonic() - began, failure=text)
        time.sleep(PAUSE)
