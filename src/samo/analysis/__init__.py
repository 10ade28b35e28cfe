"""Analyses of finished runs and of the step itself: one idea a file, found by its name in params.yaml."""
