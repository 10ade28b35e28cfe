"""Which tensors of the trunk get a local perturbation: by index, by name, by place, at random, or from a file."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from samo.optim.sharpness import Layers


def select_layers(names: Sequence[str], layers: Layers, generator: torch.Generator | None = None) -> list[int]:
    """Indices of the chosen tensors, ascending.

    Args:
        names: the trunk's parameter tensors, in order; each is a layer.
        layers: "all", or one or more of: an index (negative from the end), a name or pattern (`*.weight`),
            "first", "middle", "last", "random:N" for N different ones, or "@FILE", a JSON list of these (as
            `samo layers` writes it).
        generator: what "random:N" draws from; nothing else draws.

    Raises:
        ValueError: an index out of range, a name that matches nothing, or a file that is no such list.
    """
    chosen: set[int] = set()
    for layer in layers if isinstance(layers, tuple) else (layers,):
        if isinstance(layer, str) and layer.startswith("@"):
            found = select_layers(names, _from_file(layer[1:]), generator)
        elif isinstance(layer, int):
            found = [layer % len(names)] if -len(names) <= layer < len(names) else []
        elif layer == "all":
            found = list(range(len(names)))
        elif layer in ("first", "middle", "last"):
            found = [{"first": 0, "middle": len(names) // 2, "last": len(names) - 1}[layer]]
        elif layer.startswith("random:"):
            found = _at_random(len(names), layer, generator)
        else:
            found = [d for d, name in enumerate(names) if fnmatchcase(name, layer)]
        if not found:
            raise ValueError(f"layers: {layer!r} matches none of the trunk's {len(names)} tensors ({_some(names)})")
        chosen.update(found)
    return sorted(chosen)


def _at_random(tensors: int, layer: str, generator: torch.Generator | None) -> list[int]:
    digits = re.fullmatch("random:([0-9]{1,6})", layer)
    if digits is None or not 1 <= int(digits[1]) <= tensors:
        raise ValueError(f"layers: {layer!r}: random:N needs a whole number N from 1 to {tensors}")
    if generator is None:
        raise ValueError(f"layers: {layer!r} needs a generator to draw from")
    drawn: list[int] = torch.randperm(tensors, generator=generator, device=generator.device).tolist()
    return drawn[: int(digits[1])]


def _from_file(name: str) -> tuple[str | int, ...]:
    try:
        content = json.loads(Path(name).read_text())
    except OSError as error:
        raise ValueError(f"layers: {name}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise ValueError(f"layers: {name}: not JSON") from None
    listed = isinstance(content, list) and len(content) > 0
    if not listed or not all(type(item) in (str, int) and not str(item).startswith("@") for item in content):
        raise ValueError(f"layers: {name}: must be a JSON list of one or more names or indices of tensors")
    return tuple(content)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
