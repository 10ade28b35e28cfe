"""Analyses of finished runs and of the step itself: one idea a file, found by its name in params.yaml.

A module here holds `Options`, the settings of its block `analyses.<name>`; what it needs beside that lies in a folder.
"""

import importlib
import pkgutil

from samo.training.settings import Settings


def names() -> list[str]:
    """The analyses there are: the modules of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg)


def options(name: str) -> type[Settings]:
    """The settings that an analysis takes; a ValueError if its module has none."""
    kind: type[Settings] | None = getattr(importlib.import_module(f"samo.analysis.{name}"), "Options", None)
    if kind is None:
        raise ValueError(f"samo.analysis.{name}: no Options; an analysis has its settings there")
    return kind
