"""Raw files and prepared arrays."""
