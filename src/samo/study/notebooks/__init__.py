"""Notebooks run with parameters."""

import sys
import warnings

# `jsonschema` (and with it `nbformat`) imports this checker of addresses if it is installed, which takes seconds to
# compile its grammar; notebooks have no addresses to check. None makes the import fail, as if it were not installed.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
# MLflow imports tqdm's notebook bars, which warn of missing widgets that nothing here shows.
warnings.filterwarnings("ignore", message="IProgress not found")
