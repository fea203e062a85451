"""What people's machines are like: terminals, pipes, code pages, file systems, styles, back ends."""

import ast
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from speciation.numerics import entropy_curve, verify_manifest
from speciation.numerics.curves import cost
from speciation.numerics.monte_carlo import strides
from speciation.numerics.monte_carlo.finished_draws import FinishedDraws
from speciation.numerics.runs.atomic_files import (
    check_directory,
    prepare_file,
    write_atomically,
    write_text,
)
from speciation.numerics.runs.blocks import run_blocks
from speciation.theory import GaussianMixture
from speciation.validation.cli import common
from speciation.validation.cli.streams import _spell
from speciation.validation.figures import style
from speciation.validation.figures.theory import curve_figure

B = "binary:d=4,mu=1,s=1"
SAMPLED = "orthogonal:K=3,d=8,M=4,s=1"
PROGRAM = Path(sys.executable).parent / "speciation"
MAKES = (
    "import sys; from speciation.theory import GaussianMixture as G;"
    "G.parse('binary:d=2,mu=1,s=1').save(sys.argv[1])"
)


def shell(command, folder, **environment):
    """Run a line of shell with the program as $S; returns status, standard output and error."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**os.environ, "S": str(PROGRAM), "PYTHON": sys.executable, "B": B, **environment},
        capture_output=True,
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


FULL = "standard output: cannot be written: No space left on device\n"
# a line of shell, what is set, the status, what is on standard output (None: anything), and on standard error
PROCESSES = {
    "full device, json": ("$S predict $B --json > /dev/full", {}, 2, "", FULL),
    "full device, table": ("$S predict $B > /dev/full", {}, 2, "", FULL),
    "full device, help": ("$S --help > /dev/full", {}, 2, "", FULL),
    "full device, citation": ("$S cite > /dev/full", {}, 2, "", FULL),
    "full device for errors": ("$S predict absent.json 2> /dev/full", {}, 2, "", ""),
    "reader gone": ("{ $S predict $B --json; echo status $? >&2; } | true", {}, 0, "", "status 0\n"),
    "reader gone, refused": ("{ $S predict x.json; echo status $? >&3; } 3>&1 2>&1 | true", {}, 0, None, ""),
    "reader of errors gone": (
        "{ $S curve $B --levels 4 --out c.csv; echo $? > s; } 2>&1 | true; sleep 4; cat s; ls c.csv",
        {},
        0,
        "0\nc.csv\n",
        "",
    ),
    "closed errors": ("$S predict binary:d=4 --json 2>&-", {}, 2, "", ""),
    "closed output": ("$S predict $B >&-", {}, 0, "", ""),
    "all closed": (
        "$S curve $B --levels 4 --out c.csv <&- >&- 2>&-; echo $?; head -c 5 c.csv",
        {},
        0,
        None,
        "",
    ),
    "cp1252, help": ("$S curve --help", {"PYTHONIOENCODING": "cp1252"}, 0, None, ""),
    "ascii, refused": (
        "$S predict κ.json",
        {"PYTHONIOENCODING": "ascii"},
        2,
        "",
        "kappa.json: no such file\n",
    ),
    "the C locale": (
        '$PYTHON -c "$MAKES" κ.json && $S curve κ.json --levels 4 --out κ.csv && cat κ.csv.manifest.json',
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "MAKES": MAKES},
        0,
        None,
        None,
    ),
    "no folder to be in": ("mkdir x; cd x; rmdir ../x; $S predict $B --quiet", {}, 0, "", ""),
    "nothing to write to but here": (
        "unset HOME; $S curve $B --levels 4 --out c.png </dev/null >/dev/null",
        {"MPLCONFIGDIR": "/proc/none", "TMPDIR": "/absent", "MPLBACKEND": "nonsense", "TERM": "dumb"},
        0,
        "",
        "wrote c.png\n",
    ),
    "no asserts": (
        "$S diagram grid --x M=1 --y t=1:2 orthogonal:K=3,d=4,M=4,s=1",
        {"PYTHONOPTIMIZE": "2"},
        2,
        "",
        "M=1: not an axis; write name=low:high or name=low:high:log\n",
    ),
    "colours into a file": ("$S predict $B --json", {"FORCE_COLOR": "1", "COLUMNS": "9"}, 0, None, ""),
}


SLOWER = {"no asserts"}  # every module is compiled anew


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOWER)) for n in PROCESSES]
)
def test_a_process_in_its_surroundings(name, tmp_path):
    command, environment, status, out, err = PROCESSES[name]
    found = shell(command, tmp_path, **environment)
    assert found[0] == status, found
    assert out is None or found[1] == out
    assert err is None or found[2] == err
    assert "Traceback" not in found[1] + found[2]


BACKENDS = {
    "no GPU": ({"JAX_PLATFORMS": "cuda"}, "JAX_PLATFORMS: 'cuda' cannot be used here"),
    "no such platform": ({"JAX_PLATFORMS": "nonsense"}, "JAX_PLATFORMS: 'nonsense' cannot be used here"),
    "no such flag": ({"XLA_FLAGS": "--nonsense"}, "XLA_FLAGS: '--nonsense' cannot be used: Unknown flag"),
    "no number": (
        {"XLA_FLAGS": "--xla_force_host_platform_device_count=x"},
        "XLA_FLAGS: '--xla_force_host_platform_device_count=x' cannot be used",
    ),
}


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    "command",
    [
        f"$S curve {SAMPLED} --method reduced --levels 3 --samples 256 --out c.csv",
        pytest.param("$S diagram guidance --resolution 4 --out d", marks=pytest.mark.slow),
        pytest.param("$S verify T4 --out v", marks=pytest.mark.slow),
    ],
)
def test_a_back_end_that_is_not_there_is_one_line(name, command, tmp_path):
    environment, message = BACKENDS[name]
    status, out, err = shell(command, tmp_path, **environment)
    assert (status, out) == (2, ""), err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "c.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["TERM", "HUP"])
def test_a_process_that_is_told_to_end_keeps_its_work(sent, tmp_path, stopped):
    number = getattr(signal, f"SIG{sent}")
    arguments = ["curve", SAMPLED, "--method", "ambient", "--samples", 10**8, "--levels", 20]
    path = tmp_path / "c.csv"
    # as tests under `nohup` would pass on that it is ignored
    kept = signal.signal(number, signal.SIG_DFL)
    try:
        status, said = stopped(
            [PROGRAM, *arguments, "--out", path], lambda: (tmp_path / "c.csv.partial").exists(), number
        )
    finally:
        signal.signal(number, kept)
    assert status == 128 + number
    assert said.endswith("interrupted; finished work is kept\n")
    assert [each.name for each in tmp_path.iterdir()] == ["c.csv.partial"]


SPELLED = {
    "σ": "sigma", "γ": "gamma", "Ω": "omega", "±": "+/-", "ö": "o", "½": "1/2", "²": "2",
    "漢": "?", "\udce9": "?",
}  # fmt: skip


@pytest.mark.parametrize("page", ["ascii", "cp1252", "cp437", "latin-1"])
def test_what_a_code_page_lacks_is_spelled(page):
    for character, spelled in SPELLED.items():
        try:
            character.encode(page)
        except UnicodeEncodeError as error:
            found, end = _spell(error)
            assert end == 1
            assert found in (spelled, f"^{spelled}")
            found.encode(page)


@pytest.mark.parametrize("columns", [0, 1, 20, 40, 80, 500])
def test_no_table_cuts_a_number(columns, run, run_json, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", str(columns))
    spec = "binary:d=1000000,mu=1000,s=1"
    out = run("predict", spec, "--clock", "edm")[1]
    for entry in run_json("predict", spec, "--clock", "edm")["times"]:
        if entry["time"] is not None:
            assert f" {entry['time']:.10g} " in out
    out = run("curve", spec, "--levels", 3)[1]
    for level in run_json("curve", spec, "--levels", 3)["levels"]:
        for name in ("sigma", "entropy", "rate"):
            assert f" {level[name]:.6g} " in out
    run("curve", B, "--levels", 24, "--out", tmp_path / "c.csv")
    summary = run_json("compare", tmp_path / "c.csv", B)
    assert f"{summary['median_sigma']['measured']:.4g}" in run("compare", tmp_path / "c.csv", B)[1]
    assert "mean-covariance" in run("diagram", "--list")[1]


MARKED = "a [/red] [bold] :smile: $x_{$ \\frac"


def marked(folder):
    """A mixture whose path and labels would be commands to rich, to mathtext, or to both."""
    (folder / "run[").mkdir()
    path = folder / "run[" / "old] $_{ [b].json"
    mixture = {"weights": [0.5, 0.5], "means": [[1, 0], [-1, 0]], "covariance": {"isotropic": 1.0}}
    write_text(path, json.dumps(mixture | {"labels": [MARKED, "漢 [/]"]}))
    return path


def test_brackets_are_printed_and_drawn_as_they_are(run, tmp_path):
    path = marked(tmp_path)
    status, out, _ = run("predict", path)
    assert status == 0
    assert str(path).split("/")[-1].split()[0] in out
    for ending in ("csv", "png", "nc", "json"):
        found = tmp_path / f"[bold]$c_{{.{ending}"
        status, out, err = run("curve", path, "--levels", 24, "--out", found)
        assert (status, err) == (0, f"wrote {found}\n")
        assert "[b].json is decided" in out
    csv = tmp_path / "[bold]$c_{.csv"
    status, out, _ = run("compare", csv, path, "--out", tmp_path / "[/]")
    assert (status, "[bold]$c_{.csv" in out) == (0, True)
    status, _, err = run(
        "measure", path, "--samples", 64, "--batch", 64, "--levels", 6, "--out", tmp_path / "m"
    )
    assert status == 0, err
    for arguments in (["predict", "[/red].json"], ["curve", B, "--out", "[/red].xls"], ["verify", "[/red]"]):
        status, _, err = run(*arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert "[/red]" in err


def test_a_user_s_style_changes_no_figure(tmp_path):
    """LaTeX, another size or a comma for a point: same bytes, and the user's settings stay."""
    curve = entropy_curve(GaussianMixture.parse(B), np.geomspace(0.1, 50, 9))
    mine = {"text.usetex": True, "savefig.dpi": 31, "font.size": 31, "axes.formatter.use_locale": True}
    sums = []
    for changes in ({}, mine):
        with mpl.rc_context(changes):
            for kind in ("png", "pdf", "svg"):
                style.save(curve_figure(curve, "$"), tmp_path / f"c.{kind}")
            sums.append(digests(tmp_path))
            assert all(mpl.rcParams[name] == value for name, value in changes.items())
    assert sums[0] == sums[1]


def digests(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_the_same_run_has_the_same_files(run, tmp_path, monkeypatch):
    """Every format, at two times of day: a file's date would be that of SOURCE_DATE_EPOCH."""
    mixture = GaussianMixture.parse(SAMPLED)
    for name, time in (("first", 10**8), ("second", 10**9)):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(time))
        monkeypatch.chdir(folder)
        for ending in ("csv", "nc", "json", "png"):
            run("curve", B, "--levels", 8, "--out", f"c.{ending}")
        run("curve", SAMPLED, "--method", "reduced", "--samples", 512, "--levels", 6, "--out", "s.nc")
        run("diagram", "separation", "--resolution", 8, "--out", "d")
        run("compare", "c.csv", B, "--out", "compared")
        run("measure", B, "--samples", 64, "--batch", 32, "--levels", 6, "--out", "m")
        for kind in ("pdf", "svg"):
            curve = entropy_curve(mixture, np.geomspace(0.1, 50, 9))
            style.save(curve_figure(curve, SAMPLED), folder / f"f.{kind}")
        mixture.save(folder / "m.npz")
    first, second = digests(tmp_path / "first"), digests(tmp_path / "second")
    assert first == second
    assert {Path(name).suffix for name in first} >= {
        ".csv", ".nc", ".json", ".png", ".pdf", ".svg", ".npz",
    }  # fmt: skip


@pytest.mark.slow
def test_the_same_report(run, tmp_path, monkeypatch):
    for name in ("first", "second"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(10**8 * (1 + len(name))))
        assert run("verify", "T7", "--out", tmp_path / name, "--quiet")[0] == 0
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


@pytest.mark.slow
def test_the_same_diagram_in_two_processes(tmp_path):
    """Hashes of strings, and so the order of sets, are others in every process."""
    found = []
    for seed in ("1", "2"):
        assert shell(f"$S diagram classes --resolution 6 --out {seed}", tmp_path, PYTHONHASHSEED=seed)[0] == 0
        found.append(digests(tmp_path / seed))
    assert found[0] == found[1]


WRITERS = {
    ".csv": ["curve", B, "--levels", "4", "--out"],
    ".nc": ["curve", B, "--levels", "4", "--out"],
    ".json": ["curve", B, "--levels", "4", "--out"],
    ".png": ["curve", B, "--levels", "4", "--out"],
}


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_has_the_mode_that_it_should(ending, run, tmp_path, umask):
    new, old, link = (tmp_path / f"{name}{ending}" for name in ("new", "old", "link"))
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / f"target{ending}"
    old.write_text("old")
    old.chmod(0o640)
    link.symlink_to(Path("elsewhere") / target.name)  # which is not there yet
    umask(0o077)
    for path in (new, old, link):
        assert run(*WRITERS[ending], path)[0] == 0
    manifest = tmp_path / f"new{ending}.manifest.json"
    assert [mode(path) for path in (new, old, target, manifest)] == [0o600, 0o640, 0o600, 0o600]
    assert link.is_symlink()
    assert old.read_bytes()[:3] != b"old"
    umask(0o002)
    assert run(*WRITERS[ending], link)[0] == 0
    assert run(*WRITERS[ending], tmp_path / f"newer{ending}")[0] == 0
    assert (mode(target), mode(tmp_path / f"newer{ending}")) == (0o600, 0o664)
    assert not list(tmp_path.rglob(".*"))


def test_files_of_a_shared_folder_are_for_all_who_share_it(tmp_path, umask):
    umask(0o002)
    run_blocks(lambda index: {"x": np.array([float(index)])}, 2, tmp_path / "blocks", "σ: a run")
    FinishedDraws(tmp_path / "c.partial", "run").write(strides.Moments.of(np.ones((4, 1))))
    assert {mode(path) for path in tmp_path.rglob("*") if path.is_file()} == {0o664}
    assert (tmp_path / "blocks" / "run").read_bytes() == "σ: a run".encode()


def looped(folder):
    (folder / "a.csv").symlink_to("b.csv")
    (folder / "b.csv").symlink_to("a.csv")
    return folder / "a.csv"


def piped(folder):
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def null(folder):
    (folder / "null.csv").symlink_to(os.devnull)
    return folder / "null.csv"


def dangling(folder):
    (folder / "out.csv").symlink_to("absent/out.csv")
    return folder / "out.csv"


REFUSED_OUTPUTS = {
    "links in a circle": (looped, "cannot be written"),
    "a pipe": (piped, "is not a file"),
    "a link to a device": (null, "is not a file"),
    "a link into no folder": (dangling, "does not exist"),
    "a long name": (lambda folder: folder / f"{'x' * 245}.csv", "File name too long"),
}


@pytest.mark.parametrize("name", REFUSED_OUTPUTS)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(name, tmp_path):
    make, message = REFUSED_OUTPUTS[name]
    path = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        prepare_file(path, (".csv",))
    assert sorted(tmp_path.iterdir()) == before
    assert Path(os.devnull).is_char_device()


def test_a_folder_that_cannot_hold_the_files_is_refused_and_none_is_made(tmp_path):
    (tmp_path / "held" / "report.md").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("absent")
    before = sorted(tmp_path.rglob("*"))
    check_directory(tmp_path / "new" / "below", ["report.md"])
    check_directory(tmp_path / "held", ["report.tex"])
    for name, message in {
        "held": r"report.md: cannot be written: is not a file",
        "file": "file is not a folder",
        "file/below": "file is not a folder",
        "link": "link is not a folder",
        f"new/{'x' * 300}": "File name too long",
    }.items():
        with pytest.raises(ValueError, match=message):
            check_directory(tmp_path / name, ["report.md"])
    assert sorted(tmp_path.rglob("*")) == before


REFUSED_INPUTS = {
    "no model": ["measure", "nonsense"],
    "no such class": ["measure", B, "--classes", "x"],
    "no such file": ["measure", B, "--prediction", "absent.npz"],
    "no theorem": ["verify", "T99"],
    "no curve": ["compare", "absent.csv", B],
    "no diagram": ["diagram", "nonsense"],
    "an axis that is set": ["diagram", "grid", B, "--x", "mu=1:2", "--y", "t=0:1", "--set", "mu=3"],
    "no such parameter": ["diagram", "grid", B, "--x", "mu=1:2", "--y", "q=0:1"],
    "an end out of range": ["diagram", "grid", B, "--x", "w=0.1:2", "--y", "mu=1:2"],
    "one whole number": ["diagram", "grid", B, "--x", "d=1.5:2", "--y", "t=0:1"],
    "negative noise": ["diagram", "grid", B, "--x", "mu=1:2", "--y", "sigma=-1:1"],
}


@pytest.mark.parametrize("name", REFUSED_INPUTS)
def test_bad_input_makes_no_folder(name, run, tmp_path):
    status, out, err = run(*REFUSED_INPUTS[name], "--out", tmp_path / "new")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert not list(tmp_path.iterdir())


def test_what_is_read_is_not_written_over(run, tmp_path):
    """The curve that `control` reads, and the summary and manifest beside the one that `compare` reads."""
    curve = tmp_path / "c.json"
    run("curve", B, "--levels", 24, "--out", curve)
    before = curve.read_bytes()
    assert run("control", curve, "--out", curve)[::2] == (
        2,
        f"{curve}: is read and would be lost; write to another file\n",
    )
    assert curve.read_bytes() == before
    (tmp_path / "manifest.json").write_text('{"parameters": {"command": "measure"}}')
    status, _, err = run("compare", curve, B, "--out", tmp_path)
    assert (status, "holds the measurement that is read" in err) == (2, True)


def test_the_longest_name_that_is_taken_is_written(run, tmp_path):
    path = tmp_path / f"{'x' * (255 - len('.csv.manifest.json'))}.csv"
    assert run("curve", B, "--levels", 3, "--out", path, "--quiet")[0] == 0
    assert verify_manifest(path)


def test_an_input_is_not_written_over(run, tmp_path):
    path = tmp_path / "mixture.json"
    GaussianMixture.parse(B).save(path)
    before = path.read_bytes()
    (tmp_path / "link.json").symlink_to(path)
    for out in (path, tmp_path / "link.json"):
        status, _, err = run("curve", path, "--out", out)
        assert (status, err) == (2, f"{out}: is read and would be lost; write to another file\n")
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="paths are text there")
@pytest.mark.parametrize("ending", WRITERS)
def test_a_path_that_is_no_text_is_written_and_read(ending, run, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    spec, path = folder / os.fsdecode(b"\xe9.json"), folder / os.fsdecode(b"\xe9c" + ending.encode())
    GaussianMixture.parse(B).save(spec)
    status, _, err = run("curve", spec, "--levels", 12, "--out", path)
    assert status == 0, err
    assert verify_manifest(path)
    if ending == ".csv":
        assert run("compare", path, spec, "--out", folder / "compared", "--quiet")[0] == 0
    if ending == ".nc":
        with xr.open_dataset(path, engine="scipy") as found:
            assert found.attrs["spec"].endswith(r"\udce9.json")
    manifest = json.loads((path.parent / f"{path.name}.manifest.json").read_text("utf-8"))
    assert manifest["parameters"]["spec"] == str(spec)
    assert list(manifest["inputs"]) == [str(spec)]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("old")

    def fails(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ValueError, match="No space left"):
        write_atomically(path, fails)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_text_is_read_and_written_in_a_named_encoding(root):
    """In the locale's a file would be another one on another machine."""
    found = []
    for floor in ("theory", "numerics", "validation"):
        for path in (root / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    given = {keyword.arg for keyword in node.keywords}
                    name, modes = node.func.attr, [a.value for a in node.args if isinstance(a, ast.Constant)]
                    binary = any("b" in str(mode) for mode in modes) or ast.unparse(node.func) == "os.open"
                    if (
                        name in ("read_text", "write_text", "open")
                        and not given & {"encoding"}
                        and not binary
                    ):
                        found.append(f"{path.name}:{node.lineno}: {name}")
    # members of archives, safetensors and images are opened as bytes
    bytes_ = ("archives.py", "checkpoints.py", "fashion_data.py", "labelled_data.py")
    assert [line for line in found if not line.startswith(bytes_)] == []


def test_no_message_hangs_on_an_assert(root):
    """`python -O` takes asserts away."""
    for floor in ("theory", "numerics", "validation"):
        for path in (root / floor).rglob("*.py"):
            assert "except AssertionError" not in path.read_text("utf-8"), path
            assert "(AssertionError, V" not in path.read_text("utf-8"), path


def drawn(**changes):
    mixture = GaussianMixture.parse("scales:d=6,lambda1=1,lambda2=3")
    arguments = {"samples": 9000, "method": "ambient"} | changes
    return entropy_curve(mixture, [0.5, 2.0], **arguments)


@pytest.mark.parametrize("tolerance", [None, 3e-3])
def test_the_size_of_rounds_changes_no_bit(tolerance, monkeypatch, tmp_path):
    """Nor where a run with a tolerance ends, even if it was stopped in between."""
    whole = drawn(tolerance=tolerance)
    with monkeypatch.context() as patch:
        patch.setattr(strides._Rounds, "_resized", lambda self, size, seconds: 1 + size % 3)
        patch.setattr(strides, "_QUICK", 0.0)
        assert whole.identical(drawn(tolerance=tolerance))

        def stop(done, total):
            if done > 5000:
                raise KeyboardInterrupt

        checkpoint = tmp_path / "c"
        with pytest.raises(KeyboardInterrupt):
            drawn(tolerance=tolerance, checkpoint=checkpoint, progress=stop)
    assert whole.identical(drawn(tolerance=tolerance, checkpoint=checkpoint))


def test_rounds_take_about_a_second(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(strides.time, "monotonic", lambda: now[0])

    def sizes(each, first, devices=1, fixed=False):
        rounds, found = strides._Rounds(devices, 32, first, fixed), []
        for _ in range(8):
            size, _ = rounds.draw(lambda size: now.__setitem__(0, now[0] + each * size))
            found.append(size)
        return found

    assert sizes(4.0, 1) == [1] * 8  # one takes longer than that, and is the least
    assert sizes(0.3, 32)[2:4] == [4, 4]
    assert sizes(0.001, 1)[-1] == 32
    assert sizes(4.0, 1, devices=3) == [3] * 8
    assert sizes(4.0, 32, fixed=True) == [32] * 8


def test_the_first_draws_of_a_slow_curve_are_soon_on_disk(monkeypatch, tmp_path):
    """Work that a stride alone makes slow begins with one, and what it gave is written when it is late."""
    monkeypatch.setattr(strides, "_QUICK", 0.0)
    monkeypatch.setattr("speciation.numerics.monte_carlo.finished_draws._SECONDS", 0.0)
    reports = []

    def progress(done, total):
        reports.append((done, (tmp_path / "c").exists()))

    drawn(checkpoint=tmp_path / "c", progress=progress)
    assert reports[0] == (2 * strides.STRIDE, True)


def test_the_expected_second_order_is_its_definition():
    """`E V` without arrays of K³ numbers, against the sum that defines it."""
    from speciation.numerics.monte_carlo.shared_covariance import _expected_second_order

    rng = np.random.default_rng(3)
    weights, points = rng.dirichlet(np.ones(7)), rng.standard_normal((3, 7, 5))
    points -= np.einsum("k,lkd->ld", weights, points)[:, None]
    gram = points @ points.transpose(0, 2, 1)
    halves = np.array([[1.0] * 3 + [0.0] * 4, [0.0] * 3 + [1.0] * 4])
    for groups in (None, halves):
        members = np.eye(7) if groups is None else groups
        for level in range(3):
            own = gram[level]
            total = 0.0
            means = own - np.diag(own) / 2  # of h_k in class c
            for c, weight in enumerate(weights):
                second = own + np.outer(means[c], means[c])
                each = [(m * weights) @ second @ (m * weights) / (m @ weights) for m in members]
                total += weight * (sum(each) - weights @ second @ weights)
            found = _expected_second_order(gram, weights, groups)[level]
            assert found == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (7.4, "7 seconds"),
        (150, "2.5 minutes"),
        (1500, "25 minutes"),
        (9000, "2.5 hours"),
        (1e6, "12 days"),
    ],
)
def test_durations(seconds, said):
    assert common.duration(seconds) == said


SLOW = {
    "curve": ["curve", B, "--levels", 3],
    "compare": ["compare", "c.csv", B],
    "predict": ["predict", SAMPLED],
    "diagram": ["diagram", "separation", "--resolution", 4, "--out", "d"],
    "verify": ["verify", "T13"],
}


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", SLOW)
def test_what_takes_long_says_so_before(name, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == "compare":
        run("curve", B, "--levels", 24, "--out", "c.csv")
    monkeypatch.setattr(common, "_LONG", -1.0)
    status, _, err = run(*SLOW[name])
    assert status == 0
    assert err.startswith("about ")
    assert err.splitlines()[0].split(":")[0].split()[2] in ("second", "seconds", "minutes", "hours", "days")
    assert run(*SLOW[name], "--quiet")[1:] == ("", "")


def test_an_estimate_stops_there(run, run_json, tmp_path):
    out = tmp_path / "c.csv"
    arguments = ["curve", SAMPLED, "--method", "reduced", "--levels", 50, "--out", out, "--estimate"]
    found = run_json(*arguments)
    assert found["draws"] == 100_096
    assert found["seconds"] > 0
    assert run(*arguments)[1].startswith("about ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_estimate_is_about_right(monkeypatch):
    """Tried on two of the levels; it need not be close, but not be off by an order of magnitude."""
    import time

    monkeypatch.setattr(cost, "_SHORT", 0.0)
    mixture = GaussianMixture.parse("orthogonal:K=64,d=64,M=4,s=1")
    sigmas = np.geomspace(0.3, 10, 32)
    expected = cost.curve_cost(mixture, sigmas, samples=20_000, method="reduced").seconds
    began = time.perf_counter()
    entropy_curve(mixture, sigmas, samples=20_000, method="reduced")
    assert 0.1 < expected / (time.perf_counter() - began) < 10
