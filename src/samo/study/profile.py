"""Profiles: ready-made params files; and `samo profile`, which makes one of them the active one."""

from functools import cache
from pathlib import Path

from samo.study import config, paths, store
from samo.study.errors import ConfigError

KEPT = "params.yaml.before"
_parsed = cache(config.parse)  # a report asks for every profile a dozen times


def names(root: Path) -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in (root / "profiles").glob("*.yaml"))


def read(root: Path, name: str) -> tuple[str, config.Params]:
    """A profile's text, and what it says; a ConfigError if there is none of that name, or it has a fault."""
    if name not in names(root):
        raise ConfigError(f"no profile {name!r}: there are {', '.join(names(root))}")
    text = (root / "profiles" / f"{name}.yaml").read_text()
    return text, _parsed(text, f"profiles/{name}.yaml")


def active(root: Path) -> str | None:
    """The profile that params.yaml is a copy of; None if it was edited."""
    path = root / "params.yaml"
    text = path.read_text() if path.exists() else None
    return next((n for n in names(root) if (root / "profiles" / f"{n}.yaml").read_text() == text), None)


def activate(root: Path, text: str) -> Path | None:
    """Make a profile's text the active params.yaml; if that had been edited, returns where it was put aside."""
    path, kept = root / "params.yaml", root / KEPT
    edited = path.exists() and active(root) is None
    if edited:
        store.write_text(kept, path.read_text())
    store.write_text(path, text)
    return kept if edited else None


def command(name: str | None, dry_run: bool, workers: int) -> None:
    """Make a profile the active one, and say what it will cost; without a name, list them."""
    root = paths.root()
    if name is None:
        now = active(root)
        for known in names(root):
            print(f"{known}{'  (active)' if known == now else ''}")
        if now is None:
            print("params.yaml is none of these: it was edited")
        return
    text, params = read(root, name)
    config.check(params, f"profiles/{name}.yaml")
    if not dry_run:
        kept = activate(root, text)
        print(f"params.yaml is now profiles/{name}.yaml" + (f"; your own is kept as {kept.name}" if kept else ""))
    from samo.study.grid import estimate

    estimate.show(root, params, workers)
