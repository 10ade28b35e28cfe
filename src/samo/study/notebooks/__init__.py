"""Notebooks run with parameters."""

import sys

# Where it is installed, `jsonschema` (and with it `nbformat`) imports this checker of addresses, which compiles its
# grammar for seconds; notebooks have no addresses to check. None refuses the import, as if it were not installed.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
