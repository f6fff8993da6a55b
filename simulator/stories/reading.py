"""From YAML to a story. Strict: what is not understood is an error that names the file and the step."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class StoryUnclear(Exception):
    """The story cannot be played as written."""


@dataclass(frozen=True)
class Step:
    """One line of a story: `section` is given, when or then; `act` does it, `told` is its sentence."""

    section: str
    name: str
    act: Callable[..., Any]
    arguments: Mapping[str, Any]
    where: str

    @property
    def told(self) -> str:
        """The docstring of the act is its sentence; `[...]` parts appear only when their word is given."""
        sentence = (inspect.getdoc(self.act) or self.name).splitlines()[0]
        return _fill(sentence, self.arguments)


@dataclass(frozen=True)
class Story:
    title: str
    because: str
    path: Path
    steps: tuple[Step, ...] = field(default=())


Vocabulary = Mapping[str, Mapping[str, Callable[..., Any]]]  # section -> words of the step -> what it does


def read_story(path: Path, vocabulary: Vocabulary) -> Story:
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise StoryUnclear(f"{path.name}: not YAML: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("title"), str):
        raise StoryUnclear(f"{path.name}: a story is a mapping with a title")
    unknown = set(document) - {"title", "because", "given", "when", "then", "later"}
    if unknown:
        raise StoryUnclear(
            f"{path.name}: unknown key {', '.join(sorted(unknown))}; a story has title, "
            "because, given, when, then, later"
        )
    steps = tuple(_sections(path, document, vocabulary))
    if not any(step.section == "then" for step in steps):
        raise StoryUnclear(f"{path.name}: a story without `then` proves nothing")
    return Story(document["title"], str(document.get("because", "")).strip(), path, steps)


def _sections(path: Path, document: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[Step]:
    """given, when, then; `later` repeats when and then as often as the story needs."""
    later = document.get("later", [])
    if not isinstance(later, list) or not all(isinstance(part, dict) for part in later):
        raise StoryUnclear(f"{path.name}: `later` is a list of parts with when and then")
    for number, part in enumerate([document, *later]):
        if number and (unknown := set(part) - {"when", "then"}):
            raise StoryUnclear(f"{path.name}: later[{number - 1}]: unknown key {', '.join(sorted(unknown))}")
        for section in ("given", "when", "then"):
            for place, line in enumerate(part.get(section) or []):
                prefix = f"later[{number - 1}]." if number else ""
                yield _step(f"{path.name}: {prefix}{section}[{place}]", section, line, vocabulary)


def _step(where: str, section: str, line: Any, vocabulary: Vocabulary) -> Step:
    if not isinstance(line, dict) or len(line) != 1:
        raise StoryUnclear(f"{where}: a step is one word or phrase with its details, not {line!r}")
    name, details = next(iter(line.items()))
    act = vocabulary[section].get(name)
    if act is None:
        raise StoryUnclear(
            f"{where}: unknown step {name!r}; known under `{section}`: {', '.join(sorted(vocabulary[section]))}"
        )
    arguments = {str(key).replace(" ", "_"): value for key, value in _details(where, details).items()}
    parameters = dict(list(inspect.signature(act).parameters.items())[1:])  # the first is the world
    for word in arguments:
        if word not in parameters:
            raise StoryUnclear(
                f"{where}: {name!r} does not know {word.replace('_', ' ')!r}; it knows "
                f"{', '.join(key.replace('_', ' ') for key in parameters)}"
            )
    for word, parameter in parameters.items():
        if parameter.default is parameter.empty and word not in arguments:
            raise StoryUnclear(f"{where}: {name!r} needs {word.replace('_', ' ')!r}")
    return Step(section, name, act, arguments, where)


def _details(where: str, details: Any) -> Mapping[str, Any]:
    if details is None:
        return {}
    if not isinstance(details, dict):
        raise StoryUnclear(f"{where}: details are written as {{word: value}}, not {details!r}")
    return details


def _fill(sentence: str, arguments: Mapping[str, Any]) -> str:
    words = {
        key: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in arguments.items()
    }
    told = ""
    for piece in sentence.replace("[", "\0[").replace("]", "]\0").split("\0"):
        optional = piece.startswith("[")
        try:
            told += piece.strip("[]").format_map(words) if optional else piece.format_map(_Blank(words))
        except KeyError:
            continue  # an optional part whose word the story does not use
    return told


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
