"""Where MLflow's store is, and how to reach it without a long wait."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A server that is down then costs a condition seconds; by itself MLflow would try for minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
REMEDY = "if this lasts, move the store aside: `samo track` makes it anew from data/runs"
PATIENCE = 5.0  # seconds that a condition waits for a locked store
# Without this tag MLflow's page takes an experiment for one on language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}


def uri(root: Path) -> str:
    """The store's address: MLFLOW_TRACKING_URI where it is set, else sqlite in the project's folder, absolute."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / 'mlflow.db'}"


def place(root: Path) -> str:
    """The store's address as it may be shown: without a password."""
    return masked(uri(root))


def masked(text: str) -> str:
    """The text without the users and passwords of addresses in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)


def connect(root: Path) -> "MlflowClient":
    """A client of the study's store; an OSError if its database is locked for longer than `PATIENCE`, or is none."""
    from mlflow import MlflowClient  # takes a second to import, so only if something is logged

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # its faults are raised, and told in one line
    path = Path(uri(root).removeprefix("sqlite:///"))
    if uri(root).startswith("sqlite:///") and path.exists():
        try:  # MLflow itself would try for minutes
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.rollback()
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}; {REMEDY}") from error
    return MlflowClient(uri(root))


@contextmanager
def told(root: Path) -> Iterator[None]:
    """Turn MLflow's errors into an OSError with one readable line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise OSError(f"MLflow at {place(root)}: {masked(str(error).splitlines()[0])[:300]}; {REMEDY}") from None


def experiment(client: "MlflowClient", root: Path, dataset: str) -> str:
    """The id of a dataset's experiment, which is created if missing."""
    if found := client.get_experiment_by_name(dataset):
        return str(found.experiment_id)
    # A server keeps artifacts where it was told to; beside a database of this folder they lie in mlartifacts/.
    local = (root.resolve() / "mlartifacts" / dataset).as_uri() if uri(root).startswith("sqlite:") else None
    return str(client.create_experiment(dataset, artifact_location=local, tags=KIND))
