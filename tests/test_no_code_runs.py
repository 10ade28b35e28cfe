"""No input makes code run: what would, stands nowhere in src, but for the places named here with their reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[1] / "src/samo"

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "codeop", "runpy"}
CALLS = {
    *("eval", "exec", "compile", "pd.eval"),  # run text
    *("__import__", "importlib.import_module"),  # import what text names
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),  # run a shell
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),  # make objects, unlike safe_load
    *("pickle.load", "pickle.loads", "torch.hub.load", "torch.jit.load"),  # run what the file holds
    "shutil.unpack_archive",  # follows links and ..
}
METHODS = {"extractall", "extract", "read_pickle"}
"""The same of these, whatever they are called on."""
ALLOWED = {
    ("__init__.py", "importlib.import_module"): "of the names that are listed there",
    ("study/config/params.py", "importlib.import_module"): "of the folder of analyses",
    ("datasets/__init__.py", "importlib.import_module"): "of names that are modules of this folder",
    ("analysis/__init__.py", "importlib.import_module"): "of names that are modules of this folder",
    ("claims/__init__.py", "importlib.import_module"): "of names that are modules of this folder",
    ("study/warm.py", "importlib.import_module"): "of libraries and two modules that the grid's own code names",
}


def found_in(source: str) -> Iterator[tuple[int, str]]:
    """(line, what) of all that might run what an input holds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from ((node.lineno, name) for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name, last = ast.unparse(node.func), ast.unparse(node.func).rpartition(".")[2]
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in CALLS or last in METHODS:
            yield node.lineno, name
        if name == "torch.load" and given.get("weights_only") != "True":
            yield node.lineno, "torch.load without weights_only"
        if name in {"np.load", "numpy.load", "np.lib.format.read_array"} and given.get("allow_pickle") != "False":
            yield node.lineno, f"{name} without allow_pickle=False"
        if name.startswith("subprocess.") and given.get("shell", "False") != "False":
            yield node.lineno, f"{name} with a shell"


def test_nothing_in_the_source_runs_an_input_and_every_exception_is_needed():
    found = {
        (path.relative_to(SRC).as_posix(), what): f"{path}:{line}"
        for path in SRC.rglob("*.py")
        for line, what in found_in(path.read_text())
    }
    assert {key: place for key, place in found.items() if key not in ALLOWED} == {}
    assert set(ALLOWED) == set(found)


def test_each_of_them_would_be_seen_and_what_is_harmless_passes():
    for source in (
        "eval('1')",
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "archive.extractall(folder)",
    ):
        assert list(found_in(source)), source
    for source in ("torch.load(p, weights_only=True)", "np.load(p, allow_pickle=False)", "network.eval()"):
        assert not list(found_in(source)), source
