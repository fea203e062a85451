"""The house: arrows point down, the wheel works on its own, papers are in order."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import sysconfig
import venv
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest
import yaml

FLOORS = {"theory": {"jax", "torch"}, "numerics": {"torch"}, "validation": set()}
ABOVE = {"theory": ("numerics", "validation"), "numerics": ("validation",), "validation": ()}


def sources(root: Path):
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            yield floor, path, ast.parse(path.read_text())


def imported(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_imports_point_down(root):
    for floor, path, tree in sources(root):
        for name in imported(tree):
            top = name.lstrip(".").split(".")[0]
            assert name.startswith(".") or top not in FLOORS[floor], f"{path} imports {name}"
            assert not (name.startswith("..") and top in ABOVE[floor]), f"{path} imports {name}"


def rooms(root: Path) -> dict[str, set[str]]:
    """Every package, and every module at the top of a floor, with those that it imports.

    A package's `__init__.py` is a description or the floor's face, and imports nothing that counts.
    """
    modules = {}
    for _, path, tree in sources(root):
        if path.name != "__init__.py":
            modules[".".join(path.relative_to(root).with_suffix("").parts)] = tree
    graph: dict[str, set[str]] = {}
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.ImportFrom) and node.level):
                continue
            parts = [*name.split(".")[: -node.level], *(node.module or "").split(".")]
            target = ".".join(filter(None, parts))
            for alias in node.names:
                found = target if target in modules else f"{target}.{alias.name}"
                if found in modules:
                    graph.setdefault(room_of(name), set()).add(room_of(found))
    return graph


def room_of(module: str) -> str:
    package, _, _ = module.rpartition(".")
    return module if package in FLOORS else package


def ordered(graph: dict[str, set[str]]) -> list[str]:
    """Rooms after those that they import; `CycleError` names a circle."""
    return [*TopologicalSorter({room: others - {room} for room, others in graph.items()}).static_order()]


def test_rooms_have_no_circle(root):
    graph = rooms(root)
    order = ordered(graph)
    assert order.index("theory.mixtures") < order.index("theory.times")
    # mutant: the mixture looks for its own window
    graph["theory.mixtures"].add("theory.times")
    with pytest.raises(CycleError):
        ordered(graph)


def test_few_modules_stand_at_the_tops(root):
    tops = [path for floor in FLOORS for path in (root / floor).glob("*.py")]
    assert len(tops) <= 14, sorted(str(path) for path in tops)


def test_tests_mirror_the_house(root):
    for floor in FLOORS:
        for path in (root / "tests" / floor).rglob("test_*.py"):
            room = path.parent.relative_to(root / "tests")
            assert (root / room / "__init__.py").is_file(), f"{path}: there is no room {room}"


def test_functions_fit_on_a_screen(root):
    for _, path, tree in sources(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 50, f"{path}: {node.name} is {length} lines"


CEILINGS = {
    "numerics": (2, "values of JAX before it is loaded"),
    "numerics/_support": (8, "JAX before it is loaded, and keys that may be anybody's"),
    "numerics/curves": (14, "SciPy's splines, levels and intervals as they are handed in, a kernel's draws"),
    "numerics/diagrams": (2, "SciPy's root finder"),
    "numerics/monte_carlo": (1, "a device of JAX"),
    "numerics/runs": (1, "pandas' tables"),
    "theory/_support": (43, "SymPy, mpmath and SciPy enter here, and what callers hand in"),
    "theory/closed_forms": (3, "SciPy's solvers and special functions"),
    "theory/mixtures": (35, "labels, JSON, seeds and scikit-learn's fits as they are handed in"),
    "theory/theorems": (5, "pybtex and pylatexenc"),
    "theory/times": (1, "what SymPy compiles"),
    "validation/cli": (20, "click, of which Typer may carry its own copy"),
    "validation/control": (5, "SciPy, and files of other programs"),
    "validation/estimators": (1, "a condition of a user's sampler"),
    "validation/figures": (20, "artists of Matplotlib and groups of pandas"),
    "validation/measurement": (11, "pandas, SciPy and a user's own objects"),
    "validation/models": (5, "a user's schedule, and what a network is given"),
    "validation/models/edm": (13, "JSON and pickles as they are read, SciPy"),
    "validation/verification/checks": (5, "mpmath"),
    "validation/verification/independent": (5, "mpmath and SciPy"),
}
"""Most uses of `Any` in a folder, mostly for these values; who takes some away lowers the number."""


def uses_of_any(tree: ast.AST) -> int:
    return sum(
        (isinstance(node, ast.Name) and node.id == "Any")
        or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for node in ast.walk(tree)
    )


def test_any_stays_at_untyped_libraries(root):
    found: dict[str, int] = {}
    for _, path, tree in sources(root):
        folder = str(path.parent.relative_to(root))
        found[folder] = found.get(folder, 0) + uses_of_any(tree)
    beyond = {folder: count for folder, count in found.items() if count > CEILINGS.get(folder, (0, ""))[0]}
    assert beyond == {}, "give these a type, or a name in theory/_support/aliases.py"
    assert uses_of_any(ast.parse("def f(x: Any) -> dict[str, typing.Any]: ...")) == 2


COVARIANCES = {"Covariance", "Diagonal", "Full", "Isotropic", "LowRank"}


def asked_kinds(tree: ast.AST) -> set[str]:
    """Covariances that `isinstance` is asked about."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 2)
    asked = (call.args[1] for call in calls if getattr(call.func, "id", "") == "isinstance")
    return {node.id for kind in asked for node in ast.walk(kind) if isinstance(node, ast.Name)} & COVARIANCES


def test_no_room_but_their_own_asks_which_covariance_it_is(root):
    for _, path, tree in sources(root):
        if path.parent != root / "theory" / "mixtures":
            assert asked_kinds(tree) == set(), path
    assert asked_kinds(ast.parse("isinstance(x, Full | LowRank)")) == {"Full", "LowRank"}


def test_packages_are_all_listed(root):
    text = (root / "pyproject.toml").read_text()
    for floor in FLOORS:
        for init in (root / floor).rglob("__init__.py"):
            package = ".".join(init.parent.relative_to(root).parts)
            assert f'"speciation.{package}"' in text


def test_pages_and_notebooks_import_from_the_faces(root):
    """What a page shows is public: a name of its floor, or one of the modules that are public themselves."""
    folders = [(root / "docs" / "site").rglob("*.md"), (root / "notebooks").glob("*.ipynb")]
    pages = [root / "README.md", *(page for folder in folders for page in folder)]
    found = [
        name for page in pages for name in re.findall(r"from (speciation[\w.]*) import", page.read_text())
    ]
    assert len(found) > 20
    faces = {f"speciation.{floor}" for floor in FLOORS} | {"speciation.theory.theorems"}
    assert set(found) <= faces, sorted(set(found) - faces)


def vocabulary(root: Path) -> list[tuple[set[str], set[str]]]:
    """Words of CONTRIBUTING's table with those that they replace."""
    text = (root / "CONTRIBUTING.md").read_text().partition("## Vocabulary")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    return [(set(re.findall(r"`(\w+)`", row[0])), set(re.findall(r"`(\w+)`", row[2]))) for row in rows]


def parameters_of_the_faces() -> dict[str, str]:
    """Arguments of every public function and class, with one that has it."""
    found = {}
    for floor in FLOORS:
        face = importlib.import_module(f"speciation.{floor}")
        for name in face.__all__:
            value = getattr(face, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                found |= dict.fromkeys(inspect.signature(value).parameters, f"{floor}.{name}")
    return found


def clashes(table: list[tuple[set[str], set[str]]], used: dict[str, str]) -> list[str]:
    """What is wrong with the table or with the signatures."""
    unused = [f"no signature has {sorted(words)}" for words, _ in table if not words & used.keys()]
    return unused + [f"{word}: {used[word]}" for _, others in table for word in others & used.keys()]


def test_signatures_keep_to_the_vocabulary(root):
    table, used = vocabulary(root), parameters_of_the_faces()
    assert len(table) > 15
    assert clashes(table, used) == []
    # mutants: an argument of another word, and a word that nothing has
    assert clashes(table, used | {"noise_level": "theory.f"}) == ["noise_level: theory.f"]
    assert clashes([*table, ({"nowhere"}, set())], used) == ["no signature has ['nowhere']"]


def test_citation_file_is_valid(root):
    done = subprocess.run(
        [Path(sys.executable).parent / "cffconvert", "--validate", "-i", root / "CITATION.cff"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    content = yaml.safe_load((root / "CITATION.cff").read_text())
    assert content["version"] == version("speciation")
    assert content["authors"] == [{"name": "speciation contributors"}]
    assert f"## {content['version']}" in (root / "CHANGELOG.md").read_text()


def test_codemeta_is_the_citation_file(root):
    done = subprocess.run(
        [Path(sys.executable).parent / "cffconvert", "-f", "codemeta", "-i", root / "CITATION.cff"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (root / "codemeta.json").read_text() == done.stdout


def test_citation_with_references_is_valid(root, run, tmp_path):
    path = tmp_path / "CITATION.cff"
    path.write_text(run("cite", "--theorem", "T4", "--format", "cff")[1])
    done = subprocess.run(
        [Path(sys.executable).parent / "cffconvert", "--validate", "-i", path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", params=["beside", pytest.param("alone", marks=pytest.mark.slow)])
def installed(request, tmp_path_factory) -> Path:
    """A wheel built from the sources in an environment that sees the packages here, or installs its own."""
    root = Path(__file__).resolve().parent.parent
    folder = tmp_path_factory.mktemp("install")
    python = folder / "empty" / "bin" / "python"
    pip, quiet = [sys.executable, "-m", "pip"], ["--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "wheel", *quiet, "--wheel-dir", folder, root], check=True)
    (wheel,) = folder.glob("*.whl")
    alone = request.param == "alone"
    venv.create(folder / "empty", with_pip=False)
    if alone:
        quiet.remove("--no-deps")
    else:
        (packages,) = (folder / "empty" / "lib").glob("*/site-packages")
        (packages / "here.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files are not read
    wanted = [*quiet, "--constraint", root / "constraints.txt", wheel]
    subprocess.run([*pip, "--python", python, "install", *wanted], check=True)
    return python


def test_wheel_works_outside_the_checkout(installed, tmp_path, request):
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def call(*command) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = call(installed, "-c", "import speciation.theory as t; print(t.__file__, t.binary_entropy(1.0))")
    assert str(installed.parent.parent) in where
    assert "0.35631636" in where
    speciation = installed.parent / "speciation"
    assert '"criterion": "curvature"' in call(speciation, "predict", "binary:d=4096,mu=1,s=1", "--json")
    assert "cff-version" in call(speciation, "cite", "--format", "cff")
    assert "biroli2024" in call(speciation, "cite", "--theorem", "T4")
    if request.node.callspec.params["installed"] == "alone":
        assert "1 passed, 0 failed" in call(speciation, "verify", "--only", "T13")
        call(speciation, "curve", "digits:3,8", "--out", "curve.png")
    typed = call(
        installed, "-c", "import speciation.theory as t, pathlib; print(pathlib.Path(t.__file__).parent)"
    )
    assert (Path(typed.strip()) / "py.typed").is_file()


CLOSED = {
    "theory.speciation_time.criterion": "theory.times.criteria.CRITERIA",
    "theory.log_law.criterion": "theory.times.criteria.CRITERIA",
    "theory.optimal_steps.density": "theory.channel.steps._DENSITIES",
    "numerics.entropy_curve.method": "numerics.curves.entropy.METHODS",
    "numerics.entropy_curve.points": "numerics.curves.entropy.POINTS",
    "numerics.guided_curve.method": "numerics.curves.guided._METHODS",
    "numerics.clone_curve.method": "numerics.curves.clones._METHODS",
    "numerics.phase_diagram.name": "numerics.diagrams.DIAGRAMS",
}
"""Arguments of which one of a few names is asked, and where these are."""


@pytest.mark.parametrize("argument", CLOSED)
def test_arguments_of_few_names_are_literals_of_all_of_them(argument):
    floor, function, name = argument.split(".")
    face = importlib.import_module(f"speciation.{floor}")
    hint = inspect.signature(getattr(face, function), eval_str=True).parameters[name].annotation
    module, _, names = CLOSED[argument].rpartition(".")
    assert get_args(hint) == tuple(getattr(importlib.import_module(f"speciation.{module}"), names))
