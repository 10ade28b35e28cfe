"""Effects: configuration, files, DVC, papermill, MLflow, the command line. Nothing else in `samo` touches them."""

import os

# What these tools would tell their makers of a run: nothing, in any command or kernel, unless a person sets otherwise.
for _name, _value in {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)
