"""The command `samo ui`: MLflow's page on the runs, with the addresses that answer a question at once."""

import os
import sys

from samo.study import config, paths
from samo.study.tracking import rebuild as track_rebuild
from samo.study.tracking import track
from samo.study.tracking.mlflow_store import uri


def command(port: int) -> None:
    """Start MLflow's page on the runs, on this machine only."""
    root = paths.root()
    params = config.load()
    track_rebuild.rebuild(root, params, lambda _: None)
    server = uri(root) if uri(root).startswith("http") else f"http://127.0.0.1:{port}"
    for dataset, views in track.pages(root, params, server).items():
        for name, page in views.items():
            print(f"{dataset}, {name}: {page}", flush=True)
    if uri(root).startswith("http"):
        return  # a server of the group's shows them
    # One process: each that MLflow starts by itself would take seconds to import it anew.
    arguments = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [*arguments, "--backend-store-uri", uri(root)])
