"""What comes with an installation, and what a run may do: licences, versions, the network, loading files."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PACKAGED = [path for floor in ("theory", "numerics", "validation") for path in (ROOT / floor).rglob("*.py")]
EVERYWHERE = [*PACKAGED, *(path for room in ("docs", "benchmarks") for path in (ROOT / room).rglob("*.py"))]

EXECUTES = {"eval", "exec", "compile", "__import__", "breakpoint"}
LOADERS = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "imp", "code", "runpy",
}  # fmt: skip
NETWORK = {"socket", "requests", "urllib", "urllib3", "http", "ftplib", "aiohttp", "httpx"}


def faults(source: str) -> list[str]:
    """Calls that could run what a file holds, and modules that could reach a network."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            own = isinstance(node, ast.ImportFrom) and node.level > 0
            tops = {name.split(".")[0] for name in names} if not own else set()
            found += sorted(tops & (LOADERS | NETWORK))
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in EXECUTES:
                found.append(called)
            if called in ("torch.load",) and options.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
            if called in ("np.load", "numpy.load") and options.get("allow_pickle") != "False":
                found.append("np.load without allow_pickle=False")
            if called in ("yaml.load", "os.system", "pd.read_pickle", "torch.hub.load"):
                found.append(called)
            for option in ("allow_pickle", "shell", "trust_remote_code"):
                if options.get(option) == "True":
                    found.append(f"{option}=True")
    return found


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_executes_a_file_or_reads_the_network(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "mutant",
    [
        "import pickle", "from urllib.request import urlopen", "eval(text)", "torch.load(path)",
        "torch.load(path, weights_only=False)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "yaml.load(text)", "subprocess.run(text, shell=True)", "load(name, trust_remote_code=True)",
        "import joblib", "exec(code)",
    ],
)  # fmt: skip
def test_what_could_is_seen(mutant):
    assert len(faults(mutant)) >= 1
    assert faults("torch.load(path, weights_only=True); np.load(path, allow_pickle=False)") == []


OFFLINE = """
import socket, sys

def refuse(self, address):
    if self.family != socket.AF_UNIX:
        raise SystemExit(f"reached for the network: {address}")

socket.socket.connect = refuse
socket.getaddrinfo = lambda *args, **options: sys.exit("reached for the network")
import typer
from speciation.validation.cli.app import app, guarded

for line in sys.stdin.read().splitlines():
    status = guarded(app, "speciation", line.split())
    assert status == 0, (status, line)
"""


CONNECT = "socket.create_connection(('192.0.2.1', 80))"


@pytest.mark.parametrize("count", [2, pytest.param(7, marks=pytest.mark.slow)])
def test_no_command_reads_the_network(count, tmp_path):
    commands = [
        "cite",
        f"curve orthogonal:K=3,d=8,M=9,s=1 --method ambient --samples 500 --out {tmp_path}/c.csv --quiet",
        "predict digits:3,8 --quiet",
        "verify --only T22 --quiet",
        f"diagram prior --resolution 8 --out {tmp_path}/d --quiet",
        f"measure digits --classes 3,8 --samples 8 --levels 4 --out {tmp_path}/m --quiet",
        f"compare {tmp_path}/m/curve.csv digits:3,8 --quiet",
    ]
    assert len(commands) == 7
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        input="\n".join(commands[:count]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    # mutant: a download that was asked for does reach for it
    mutant = subprocess.run(
        [sys.executable, "-c", OFFLINE.split("import typer")[0] + CONNECT],
        input="", capture_output=True, text=True,
    )  # fmt: skip
    assert "reached for the network" in mutant.stderr


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements() -> list[Requirement]:
    """What a user installs: the dependencies, those of trained models and those of pages."""
    extras = project()["optional-dependencies"]
    return [
        Requirement(text) for text in project()["dependencies"] + extras["models"] + extras["interactive"]
    ]


def test_every_imported_package_is_declared():
    declared = {requirement.name.lower() for requirement in requirements()}
    known = {
        "PIL": "pillow",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
        "jaxlib": "jax",
        "array_api_compat": "array-api-compat",
    }
    for path in PACKAGED:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                assert known.get(top, top) in declared, f"{path}: {top} is not declared"


def test_floors_are_the_versions_that_are_tested():
    """`make test-lowest` installs `constraints-lowest.txt`, which is the floor of every dependency."""
    pinned = {}
    for line in (ROOT / "constraints-lowest.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, number = line.partition("==")
            pinned[name] = Version(number)
    for requirement in requirements():
        (floor,) = [Version(part.version) for part in requirement.specifier if part.operator == ">="]
        assert pinned[requirement.name] == floor, requirement.name


def test_the_installed_versions_are_allowed():
    for requirement in requirements():
        assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True), (
            requirement
        )


def licences():
    """What the site's page says, whose maker is a script and no module of the package."""
    spec = util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.licences()


FREE = re.compile(
    r"Apache|BSD|MIT|PSF|Python-2\.0|Python Software Foundation|MPL|Mozilla|ISC|Zlib|0BSD|HPND|Unlicense|CNRI"
)


def test_data_of_others_lie_beside_their_licence():
    """Every folder that the package ships with files that are no modules, but for our own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = project["tool"]["setuptools"]["package-data"]
    folders = {
        ROOT / package.removeprefix("speciation.").replace(".", "/") / Path(pattern).parent
        for package, patterns in shipped.items()
        for pattern in patterns
    }
    floors = [ROOT / floor for floor in ("theory", "numerics", "validation")]
    of_others = {folder for folder in folders if folder.name not in {"templates", "weights"}} - {*floors}
    assert {folder.name for folder in of_others} == {"fashion", "imagenet"}
    assert {path.parent for floor in floors for path in floor.rglob("*.npz")} <= of_others
    stated = {path for pattern in project["project"]["license-files"] for path in ROOT.glob(pattern)}
    table = (ROOT / "docs" / "templates" / "licences.md.j2").read_text()
    for folder in of_others:
        text = (folder / "LICENSE").read_text()
        assert folder / "LICENSE" in stated
        assert FREE.search(text) or "Permission to use, copy, modify and distribute this" in text
        assert re.search("©|Copyright 2006", text)
        assert f"`{folder.relative_to(ROOT)}`" in table
        for path in folder.iterdir():
            assert path.name == "LICENSE" or path.name in text
    assert "Zalando" in table
    assert "Princeton" in table


def test_licences_are_free_and_named():
    table = licences()
    assert {"numpy", "jax", "torch", "diffusers"} <= {name for name, _, _ in table}
    for name, number, licence in table:
        assert number
        assert FREE.search(licence), f"{name}: {licence!r}"
    assert not FREE.search("Proprietary; all rights reserved")
