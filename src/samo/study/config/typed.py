"""Options of params.yaml, held against the types that the code names for them."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from samo.study.config.faults import line

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def refuse(given: Mapping[str, Any], takes: Callable[..., object]) -> None:
    """Options of another type than those of a constructor's arguments; unknown ones are let pass.

    Raises:
        ValueError: there are such; each is named with its value.
    """
    hints = typing.get_type_hints(takes.__init__ if inspect.isclass(takes) else takes)
    known = {name: value for name, value in given.items() if name in hints}
    if not known:
        return
    kinds: dict[str, Any] = {name: (hints[name], ...) for name in known}
    try:
        create_model("Options", __config__=STRICT, **kinds).model_validate(known)
    except ValidationError as error:
        raise ValueError("; ".join(line("", fault) for fault in error.errors(include_url=False))) from None
