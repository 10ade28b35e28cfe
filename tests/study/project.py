"""A tiny project with a matrix of conditions, whose commands leave a trace of every run outside of DVC's sight."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil

PIPELINE = """
stages:
  fetch:
    matrix: {dataset: "${datasets}"}
    cmd: mkdir -p data/raw && python condition.py fetch-${item.dataset} code.txt > data/raw/${item.dataset}
    deps: [code.txt]
    outs: ["data/raw/${item.dataset}"]
  train:
    matrix: {dataset: "${datasets}", method: "${methods}"}
    cmd: >-
      mkdir -p data/runs/${item.dataset} &&
      python condition.py train-${item.method} data/raw/${item.dataset} > data/runs/${item.dataset}/${item.method}
    deps: ["data/raw/${item.dataset}"]
    params: ["methods.${item.method}"]
    outs: ["data/runs/${item.dataset}/${item.method}"]
  tables:
    cmd: echo tables >> ${trace} && cat data/runs/*/* > table.txt
    deps: [data/runs]
    params: [methods]
    outs:
      - table.txt: {cache: false}
"""
# A condition writes its params and its input; `fail` ends it with an error, `seconds` makes it last, and with `meets`
# it waits until another one runs, too.
CONDITION = """
import os, sys, time, yaml
name, source = sys.argv[1:]
params = yaml.safe_load(open("params.yaml"))
method = params["methods"].get(name.removeprefix("train-"), {})
began = time.time()
if progress := os.environ.get("SAMO_PROGRESS"):
    open(progress, "a").write('{"update": 1, "updates": 2, "done": 0.5, "loss": 0.25}\\n')
time.sleep(method.get("seconds", 0))
if other := method.get("meets"):
    open(f"{params['trace']}.{name}", "w")
    while not os.path.exists(f"{params['trace']}.train-{other}"):
        assert time.time() < began + 120
        time.sleep(0.02)
with open(params["trace"], "a") as file:
    file.write(f"{name} {os.getcwd()} {os.environ['MLFLOW_TRACKING_URI']} {os.environ['SAMO_CHECKPOINTS']}\\n")
if method.get("fail"):
    sys.exit("this condition was told to fail")
print(name, method, open(source).read().strip())
"""
PARAMS = """
trace: {trace}
datasets: {{one: {{}}}}
methods:
  a: {{rho: 1}}
  b: {{rho: 2}}
  c: {{rho: 3}}
"""
REPRO = """
import sys; from pathlib import Path; from samo.study.grid import pipeline
root, quiet, *cluster = sys.argv[1:]
where = pipeline.Cluster(*cluster) if cluster else None
sys.exit(pipeline.repro(Path(root), 2, lambda _: 1.0, bool(quiet), rest=not cluster, cluster=where))
"""


class Project:
    """The project in a folder, and what ran in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trace = root.parent / "trace.txt"

    def ran(self) -> list[str]:
        """The names of what ran since the last call, sorted."""
        names = sorted(line.split()[0] for line in self.lines())
        self.trace.unlink(missing_ok=True)
        return names

    def lines(self) -> list[str]:
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def edit(self, old: str, new: str) -> None:
        path = self.root / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def dvc(self, *arguments: str) -> str:
        """What DVC's own command line says."""
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def command(self, *cluster: str, quiet: bool = False) -> list[str]:
        """What brings it up to date in a process of its own, which can be killed."""
        return [sys.executable, "-c", REPRO, str(self.root), "quiet" if quiet else "", *cluster]

    def start(self, *cluster: str) -> "subprocess.Popen[str]":
        command = self.command(*cluster)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def commit(self) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for command in (["add", "-A"], [*who, "commit", "--quiet", "--allow-empty", "-m", "as it is"]):
            subprocess.run(["git", *command], cwd=self.root, check=True)

    def processes(self) -> list[psutil.Process]:
        """What runs in this project or in a clone of it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.cwd().startswith(str(self.root)):
                    found.append(process)
        return found

    def clones(self) -> list[Path]:
        return list((self.root / ".samo/workers").glob("*"))
