"""Make or renew the environment in .venv from the pinned lock; `make env` calls this. Needs python3 alone.

uv installs in seconds what takes pip minutes, so it is fetched first, into .venv itself; where it cannot be had, or
fails, pip does the same. The lock is used as constraints: installed whole it would bring the CUDA packages.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
EXTRAS = "study,dev"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# uv leaves the byte code to the first import: of all 20,000 files it would take minutes. Each line is one process's.
IMPORTED = (
    "torch, torchjd.aggregation, torch_geometric, rdkit, seaborn, samo.study.cli",
    "mlflow, nbconvert, papermill, ipykernel.kernelapp, dvc.repo, dvc.commands.repro, typer, rich.progress, jinja2",
)
# What pip is configured to install from; uv reads no pip.conf.
INDEXES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}


class InstallError(RuntimeError):
    """An install did not work; the message is what it printed."""


def pinned(name: str) -> str:
    """`name==version` of the lock."""
    found = re.search(rf"(?m)^{re.escape(name)}==[^\s;]+", LOCK.read_text())
    if found is None:
        raise InstallError(f"{LOCK.name}: holds no {name}")
    return found.group()


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=HERE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise InstallError(done.stdout.strip() or f"{command[0]}: exit code {done.returncode}")
    return done.stdout


def indexes(python: str) -> dict[str, str]:
    """The variables that make uv install from where pip is configured to; those already set stay."""
    found: dict[str, str] = {}
    for line in run([python, "-m", "pip", "config", "list"]).splitlines():  # the environment's first, then the files'
        place, _, value = line.partition("=")
        option = place.rpartition(".")[2]
        if option in INDEXES and value:
            found.setdefault(INDEXES[option], " ".join(ast.literal_eval(value).split()))
    if found.keys() & {"UV_INDEX", "UV_FIND_LINKS"}:  # pip takes the best version over all indexes
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    return {**found, **os.environ}


def installer(python: str) -> tuple[str, list[str], dict[str, str]]:
    """(name, its install command, its variables): uv, or pip where uv cannot be had."""
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if os.environ.get("SAMO_INSTALLER") != "pip":
        try:
            run([*pip, pinned("uv")])
            uv = str(Path(python).with_name("uv"))
            return "uv", [uv, "pip", "install", "-q", "--python", python], indexes(python)
        except InstallError as fault:
            print(f"  uv cannot be had ({str(fault).splitlines()[-1]}): pip installs, which takes minutes", flush=True)
    return "pip", pip, dict(os.environ)


def cpu_only() -> bool:
    """Whether torch's CUDA packages would be of no use: Linux without an NVIDIA driver."""
    return platform.system() == "Linux" and not shutil.which("nvidia-smi")


def install_cpu_torch(name: str, install: list[str], env: dict[str, str]) -> None:
    torch = pinned("torch")
    elsewhere = ["--torch-backend", "cpu"] if name == "uv" else ["--index-url", CPU_INDEX]
    for what in ([torch + "+cpu"], [*elsewhere, torch]):  # from the indexes at hand, or from PyTorch's own
        try:
            run([*install, "--no-deps", *what], env)
        except InstallError:
            continue
        return
    print("  no build without CUDA can be had here: the usual one is next, with 3 GB of CUDA packages", flush=True)


def main(venv: Path) -> None:
    python = str(venv / "bin" / "python")
    began = time.monotonic()

    def phase(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)

    phase(f"an empty environment in {venv}, and uv")
    if not Path(python).exists():
        run([sys.executable, "-m", "venv", str(venv)])
    name, install, env = installer(python)
    if cpu_only():
        phase(f"{name}: {pinned('torch')}, the build for the processor alone")
        install_cpu_torch(name, install, env)
    phase(f"{name}: the study and its tools, as pinned in {LOCK.name}")
    run([*install, "-c", LOCK.name, "-e", f".[{EXTRAS}]"], env)
    phase("byte code of what the stages import, compiled once")
    writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with ThreadPoolExecutor() as side_by_side:
        list(side_by_side.map(lambda names: run([python, "-c", "import " + names], writing), IMPORTED))
    phase("ready")


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (it is the first thing that an old python runs)
        sys.exit(f"python >= 3.11 is needed, this is {sys.version.split()[0]}; try make PYTHON=python3.12 env")
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute())
    except InstallError as fault:
        sys.exit(f"make env: {fault}")
