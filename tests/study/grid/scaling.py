"""What a cluster gains and what it costs, printed: python -m tests.study.grid.scaling (minutes, two idle cores).

No test: times are facts of one machine.
"""

import os
import tempfile
import time
from pathlib import Path

from samo.study.grid import pipeline
from samo.study.grid.cluster import Cluster
from samo.study.grid.display import Display
from samo.study.grid.plan import plan
from tests.study.conftest import make_template
from tests.study.grid import cluster
from tests.study.project import PARAMS, Project

WORK = "sum(i * i for i in range({count}))"


def measure(project: Project, nodes: cluster.Nodes, workers: int, cells: int, work: int) -> tuple[float, float]:
    """Seconds of a grid of new cells, and from the first one's start to the last one's end."""
    methods = "".join(f"  m{n}: {{rho: {n}}}\n" for n in range(cells))
    text = PARAMS.format(trace=project.trace).split("methods:")[0]
    (project.root / "params.yaml").write_text(f"{text}methods:\n{methods}")
    (project.root / "code.txt").write_text(f"{workers} {cells} {work}\n")  # nothing out of a cache
    cell = (project.root / "cell.py").read_text().splitlines()
    at = cell.index("began = time.time()") + 1
    cell[at : at + (cell[at].startswith("sum("))] = [WORK.format(count=work)]
    (project.root / "cell.py").write_text("\n".join(cell) + "\n")
    cluster.commit(project)
    began = time.monotonic()
    stages = [f"train@one-m{n}" for n in range(cells)]
    where = Cluster(nodes.address, "shared", workers=workers)
    work = plan(project.root, stages)
    with Path(os.devnull).open("w") as nowhere:
        show = Display(nowhere)
        show.begin(dict.fromkeys(work.stale, 1.0))
        outcome = pipeline.run(project.root, work, workers, lambda _: 1.0, show, where)
        assert not outcome.failures
    lines = [line.split() for line in project.lines() if line.startswith("train")]
    spans = [(float(line[1]), float(line[2])) for line in lines]
    project.ran()
    return time.monotonic() - began, max(end for _, end in spans) - min(start for start, _ in spans)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        project = Project(make_template(base / "project"))
        project.dvc("remote", "add", "shared", str(base / "remote"))
        with cluster.nodes(base / "nodes", 2) as nodes:
            whole = {}
            for workers in (1, 2):
                whole[workers], cells = measure(project, nodes, workers, 12, 40_000_000)
                print(f"12 cells, {workers} workers: {whole[workers]:.1f} s in all, {cells:.1f} s of cells")
            print(f"2 workers are {whole[1] / whole[2]:.2f} times as fast as one")
            _, cells = measure(project, nodes, 1, 30, 1)
            print(f"30 cells that do nothing, one worker: {cells / 30:.2f} s a cell")


if __name__ == "__main__":
    main()
