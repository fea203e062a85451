"""The notebooks run, their assertions hold, and what is committed is what a run gives."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

SHORT = ("03-cloning-and-entropy.ipynb",)
"""Those that run in seconds; the others measure for longer what other tests measure too."""


def test_there_is_one_of_each():
    assert [name.split("-", 1)[1] for name in NOTEBOOKS] == [
        "quick-start.ipynb", "log-law.ipynb", "cloning-and-entropy.ipynb", "many-classes.ipynb",
        "hierarchies.ipynb", "guidance.ipynb", "digits.ipynb", "your-own-model.ipynb",
        "from-a-curve-to-an-interval.ipynb", "commitment.ipynb", "reading-a-trained-model.ipynb",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_opens_with_a_question_and_ends_with_what_to_change(name):
    cells = nbformat.read(FOLDER / name, 4).cells
    question = cells[0].source.partition("**Question.** ")[2].partition("\n\n")[0]
    assert question.rstrip().endswith("?")
    assert cells[-1].cell_type == "markdown"
    assert cells[-1].source.startswith("## Now change this\n\n")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_committed(name):
    notebook = nbformat.read(FOLDER / name, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [output.output_type for cell in code for output in cell.outputs]
    assert "error" not in kinds
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    # a check that could have failed
    assert any("assert " in cell.source for cell in code)
    assert not any(output.get("name") == "stderr" for cell in code for output in cell.outputs)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SHORT else [pytest.mark.slow]) for name in NOTEBOOKS]
)
def test_runs(name, tmp_path):
    """Executed by nbclient from a folder of its own."""
    program = Path(sys.executable).parent / "jupyter-execute"
    done = subprocess.run(
        [program, FOLDER / name, "--output", tmp_path / name, "--timeout=600"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("page", ["tour", "explorer", "settings", "how-to/diffusers", "how-to/control"])
def test_the_readme_leads_on(page):
    readme = (FOLDER.parent / "README.md").read_text().partition("## Where to go on")[2]
    assert f"(docs/site/{page}.md)" in readme
    assert (FOLDER.parent / "docs" / "site" / f"{page}.md").exists()
