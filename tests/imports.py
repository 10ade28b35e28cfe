"""What a piece of code imports, read from its syntax: also inside functions."""

import ast
from collections.abc import Iterator


def imports(node: ast.AST, *, typing: bool = True) -> Iterator[str]:
    """Every module, or module and name in it; without `typing` what only type checking imports is left out."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing:
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "relative"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imports(child, typing=typing)
