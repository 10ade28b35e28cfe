"""A fault that pydantic found, as a person reads it."""

from collections.abc import Mapping
from typing import Any


def line(origin: str, fault: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> str:
    """One fault as one line: where, what it holds, what is allowed."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    place = ".".join(str(part) for part in (*prefix, *fault["loc"]) if part not in {"str", "dict[str,any]"})
    start = f"{origin}: " if origin else ""
    if fault["type"] == "extra_forbidden":
        return f"{start}{place}: unknown key; remove it or mend its name"
    if fault["type"] == "missing":
        return f"{start}{place}: is missing"
    if not place:
        return "\n".join(start + one for one in message.splitlines())
    value = repr(fault["input"])
    shown = value if len(value) <= 60 else value[:57] + "…"
    return f"{start}{place} = {shown}: {message[0].lower() + message[1:]}"
