"""Two pairs of losses on the plane, and walks over them: nothing of a dataset or of its runs."""
