"""params.yaml, read once and checked as a whole; each fault is told in one line."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from samo.study import paths
from samo.study.config import text
from samo.study.config.params import Params
from samo.study.errors import ConfigError

TAG = re.compile(r"str|dict\[str,any\]|\[key\]|int|float|list|literal\[.*\]")
"""What a pydantic location holds besides keys."""
FAULTS = 50
"""How many faults are shown at most."""


def load(path: Path | None = None) -> Params:
    """A params file, by default the project's own; a ConfigError if it is missing, is no YAML or breaks a rule."""
    path = path or paths.root() / "params.yaml"
    try:
        with path.open(encoding="utf-8") as stream:
            content = stream.read(text.LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise ConfigError(f"{path}: {reason}: copy one of profiles/*.yaml there") from error
    return parse(content, path.name)


def parse(content: str, origin: str = "params.yaml") -> Params:
    """The parameters that a text holds, which messages call `origin`; a ConfigError as in `load`."""
    try:
        blocks = text.read(content)
        if not isinstance(blocks, dict):
            raise ValueError(f"must be a mapping with {', '.join(Params.model_fields)}")
        return Params.model_validate(blocks)
    except ValueError as error:
        raise _refused(origin, faults(error)) from error


def check(params: Params, origin: str = "params.yaml") -> Params:
    """The same parameters, after checking the blocks of analyses and toys; a ConfigError names all faults."""
    found: list[str] = []
    for name in (*params.analyses, "toys"):
        try:
            params.options(name)
        except ValueError as error:
            found += faults(error, ["toys"] if name == "toys" else ["analyses", name])
    if found:
        raise _refused(origin, found)
    return params


def faults(error: ValueError, within: Iterable[str] = ()) -> list[str]:
    """What is wrong, one line per fault: where, the value, what is allowed."""
    if not isinstance(error, ValidationError):
        return [str(error)]
    found: dict[tuple[str, bool], str] = {}
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in (*within, *fault["loc"]) if not TAG.fullmatch(str(part)))
        told = _line(fault, place)
        at = place, "[key]" in fault["loc"]
        # A value that may be of several types has a fault for each.
        found[at] = f"{found[at]}, or {told.rpartition(': ')[2]}" if at in found else told
    return list(found.values())


def _refused(origin: str, told: list[str]) -> ConfigError:
    more = [f"and {len(told) - FAULTS} faults more"] if len(told) > FAULTS else []
    return ConfigError("\n".join(f"{origin}: {line}" for line in told[:FAULTS] + more))


def _line(fault: Mapping[str, Any], place: str) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "invalid_key" or ("[key]" in fault["loc"] and fault["type"] == "string_type"):
        return f"{place}: a key must be text: write it in quotes"
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown key; remove it or rename it"
    if fault["type"] == "missing":
        return f"{place}: is missing"
    if fault["type"] == "dict_type" and fault["input"] is None:
        return f"{place}: is empty; write {{}} if it has nothing"
    if not fault["loc"]:  # a rule about several blocks, whose message names them
        return message
    value = repr(fault["input"])
    return f"{place} = {value if len(value) <= 60 else value[:57] + '…'}: {message[0].lower() + message[1:]}"
