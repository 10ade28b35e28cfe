"""What the machine does while a cell trains, logged beside its runs where somebody asked for it."""

import os
from typing import Any

ASKED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
"""MLflow's own switch: where it is set, processor, memory, disk, network and accelerator are logged."""


class Machine:
    """Watches the machine for one run after the other.

    Args:
        uri: the store's address.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._monitor: Any = None

    def watch(self, run: str) -> None:
        """From now on for this run; nothing where nobody asked."""
        self.leave()
        if os.environ.get(ASKED, "").lower() in ("true", "1"):
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            self._monitor = SystemMetricsMonitor(run, tracking_uri=self._uri)
            self._monitor.start()

    def leave(self) -> None:
        """No longer."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.finish()
