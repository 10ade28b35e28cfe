"""MLflow, as a view on the runs."""
