"""Where MLflow's store is, and how to reach it without waiting for long."""

import logging
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A server that is away costs a cell seconds: MLflow's own patience is minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
MEND = "if this lasts, move the store aside: `samo track` makes it anew from data/runs"
PATIENCE = 5.0
"""Seconds that a cell waits for a locked store."""


def uri(root: Path) -> str:
    """The store's address: MLFLOW_TRACKING_URI where it is set, else sqlite in the project's folder, absolute."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / 'mlflow.db'}"


def place(root: Path) -> str:
    """The store's address as it may be shown: without a password."""
    return masked(uri(root))


def masked(text: str) -> str:
    """The same without users and passwords of addresses in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)


def connect(root: Path, at_once: bool = False) -> "MlflowClient":
    """A client of the study's store; `at_once` where training waits for it.

    Raises:
        OSError: with `at_once`, the store is locked for longer than `PATIENCE`, or is no database.
    """
    from mlflow import MlflowClient  # a second's import, for those who log only

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # what ails it is raised, and told in one line
    if at_once:
        _wait_for_its_turn(uri(root))
    return MlflowClient(uri(root))


def _wait_for_its_turn(address: str) -> None:
    """See whether a sqlite store is locked, for at most `PATIENCE` seconds: MLflow itself would try for minutes.

    Raises:
        OSError: it is, or it is no database.
    """
    path = Path(address.removeprefix("sqlite:///"))
    if address.startswith("sqlite:///") and path.exists():
        try:
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as store_itself:
                store_itself.execute("BEGIN IMMEDIATE")
                store_itself.rollback()
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}; {MEND}") from error
