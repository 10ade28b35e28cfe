"""params.yaml read once: DVC parses it anew for every stage, a quarter of a second each in a large study."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any


@cache
def parse_params_once() -> None:
    """Let this process's DVC keep what a params file says for while its time and size stay."""
    from dvc.dependency import param

    parse = param.load_path
    kept: dict[str, tuple[tuple[int, int], Any]] = {}

    def load(path: str, fs: Any, **options: Any) -> Any:
        if options or fs.protocol != "local" or not Path(path).is_file():
            return parse(path, fs, **options)
        info = Path(path).stat()
        state = info.st_mtime_ns, info.st_size
        if path not in kept or kept[path][0] != state:
            kept[path] = state, parse(path, fs)
        return deepcopy(kept[path][1])  # every stage gets its own

    param.load_path = load
