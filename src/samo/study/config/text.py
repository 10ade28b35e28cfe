"""The text of a params file: YAML 1.2 as DVC reads it, with the same library, without what readers may disagree on."""

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

LONGEST = 1_000_000
"""Characters of a params file; a profile has a few thousand."""
DEEPEST = 20
"""Levels of nesting; params.yaml has seven."""
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_NUMBER = re.compile(r"[-+0-9.][-+0-9a-fA-F_xob.]{100,}")


def read(text: str) -> Any:
    """The content of a YAML text; a ValueError names the line of a fault.

    Refused are aliases, tags, directives, a key twice, and numbers that other YAML readers read differently.
    """
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters; profiles/*.yaml show what belongs in here")
    try:
        # Events are checked before loading: a few lines of aliases have few events, but can expand to gigabytes.
        for fault, event in _faults(YAML(typ="safe", pure=True).parse(text)):
            raise ValueError(f"line {event.start_mark.line + 1}: {fault}")
        try:
            return YAML(typ="safe", pure=True).load(text)
        except ValueError as error:
            raise ValueError(f"a number or date that cannot be read ({error})") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem).replace("found duplicate key", "a key twice:").split(" with value")[0]
        raise ValueError(f"line {mark.line + 1}: {problem}" if mark else problem) from error
    except YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _faults(found: Iterator[events.Event]) -> Iterator[tuple[str, Any]]:
    depth = 0
    for event in found:
        depth += isinstance(event, events.CollectionStartEvent)
        depth -= isinstance(event, events.CollectionEndEvent)
        if depth > DEEPEST:
            yield f"more than {DEEPEST} levels of nesting", event
        elif isinstance(event, events.DocumentStartEvent) and (event.version or event.tags):
            yield "directives are not allowed", event
        elif isinstance(event, events.AliasEvent):
            yield "aliases are not allowed: write the value out", event
        elif isinstance(event, events.NodeEvent) and (tag := str(getattr(event, "tag", None) or "!")) != "!":
            yield f"tags are not allowed, here {tag.removeprefix('tag:yaml.org,2002:')}", event
        elif isinstance(event, events.ScalarEvent) and not event.style:
            if event.value == "<<":
                yield "merge keys are not allowed: write the values out", event
            elif _OCTAL.fullmatch(event.value):
                yield f"{event.value[:40]}: write it without the leading 0, which others read as octal", event
            elif _NUMBER.fullmatch(event.value):
                yield "a number of too many digits", event
