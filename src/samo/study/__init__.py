"""Effects: configuration, files, DVC, papermill, MLflow, the command line. Nothing else in `samo` touches them."""

import os

# These tools report nothing to their makers, from any command or kernel, unless the user sets otherwise.
for _name, _value in {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)
