"""Processes that share work: the same results, in order, and an end of all of them with the first."""

import os
import time

import pytest
from speciation.validation import verify
from speciation.validation.verification.workers import side_by_side


def alike(task):
    return 1.0


def test_one_process_does_the_work_itself():
    assert list(side_by_side(lambda task: (task, os.getpid()), [3, 1], 1, alike)) == [
        (3, os.getpid()),
        (1, os.getpid()),
    ]
    assert list(side_by_side(lambda task: task, [], 2, alike)) == []


@pytest.mark.slow
def test_results_are_those_of_one_process_in_order():
    assert list(side_by_side(abs, [-3, 1, -2], 2, float)) == [3, 1, 2]
    seen = []
    both = verify(["T22", "T13"], on_result=lambda result: seen.append(result.theorem.id), workers=2)
    assert both == verify(["T22", "T13"])
    assert seen == ["T13", "T22"]
    assert all(result.seconds > 0 for result in both)


@pytest.mark.slow
def test_a_process_that_is_ended_is_named():
    with pytest.raises(
        ValueError, match=r"^workers: a process was ended before its work; .*use fewer workers.* __main__"
    ):
        list(side_by_side(os._exit, [9, 9], 2, alike))


@pytest.mark.slow
def test_an_interrupt_ends_all():
    began = time.monotonic()
    results = side_by_side(time.sleep, [0.1, 600.0, 600.0], 2, alike)
    assert next(results) is None
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2"])
def test_workers_are_counted(bad):
    with pytest.raises(ValueError, match=r"^workers: must be "):
        verify(["T13"], workers=bad)


def test_workers_are_counted_on_the_command_line(run):
    status, _, said = run("verify", "--only", "T13", "--workers", "0")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("--workers: must be at least 1, not 0")
