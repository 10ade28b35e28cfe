"""YAML as params.yaml may hold it: plain data, no double keys, no aliases, numbers as DVC reads them."""

import re
from typing import Any

import yaml

DEEP = 20
"""Levels of nesting; params.yaml has seven."""
BITS = 200
"""Of whole numbers: of those with thousands of digits not even the text is to be had."""


def load(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        ValueError: it is not YAML, or holds what is not allowed here; the message names the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(_fault(error)) from error


class _Loader(yaml.SafeLoader):
    """YAML without code, without aliases (a few lines of them can unfold into gigabytes), without double keys."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.events.AliasEvent):
            raise _refused("aliases are not allowed", event.start_mark)
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise _refused(f"tags are not allowed, here {tag.removeprefix('tag:yaml.org,2002:')}", event.start_mark)
        self._depth += 1
        if self._depth > DEEP:
            raise _refused(f"more than {DEEP} levels of nesting", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep)
        except ValueError:
            raise _refused("a number or date that cannot be read", node.start_mark) from None
        if isinstance(made, int) and made.bit_length() > BITS:
            raise _refused("a number of too many digits", node.start_mark)
        return made

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(f"key {key!r} must be text: write it in quotes", key_node.start_mark)
            if key in seen:
                raise _refused(f"the name {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.2, which DVC reads, takes 1e-3 for a number; PyYAML's 1.1 would take it for text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _refused(reason: str, mark: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, reason, mark)


def _fault(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
