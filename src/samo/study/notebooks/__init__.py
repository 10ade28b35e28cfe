"""Notebooks run with parameters."""

import sys
import warnings

# Where it is installed, `jsonschema` (and with it `nbformat`) imports this checker of addresses, which compiles its
# grammar for seconds; notebooks have no addresses to check. None refuses the import, as if it were not installed.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
# MLflow imports tqdm's bars for notebooks, which miss widgets that nothing here shows.
warnings.filterwarnings("ignore", message="IProgress not found")
