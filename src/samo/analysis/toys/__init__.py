"""Two pairs of losses on the plane, and trajectories on them: nothing of a dataset or of its runs."""
