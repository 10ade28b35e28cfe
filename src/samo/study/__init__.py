"""Effects: configuration, files, DVC, papermill, MLflow, the command line. Nothing else in `samo` touches them."""
