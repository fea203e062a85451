"""Pieces of work side by side, each in a process of its own."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TypeVar

__all__ = ["side_by_side"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    cost: Callable[[Task], float],
) -> Generator[Result, None, None]:
    """`work(task)` in the order of the tasks, those of the highest cost begun first.

    Parameters
    ----------
    work : callable
        A function at the top of a module, of what can be pickled.
    tasks : sequence
    workers : int
        Number of processes; with 1, or a single task, this one does the work.
    cost : callable
        Seconds, or anything that orders the tasks as these do.

    Yields
    ------
    Results, as soon as those before are there.

    Raises
    ------
    ValueError
        A process ended before its work, as one without memory does.
    """
    if min(workers, len(tasks)) <= 1:
        yield from map(work, tasks)
        return
    others = set(multiprocessing.active_children())
    # a process that has begun to compute cannot be forked
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _prepare) as pool:
        futures = {
            place: pool.submit(work, tasks[place])
            for place in sorted(range(len(tasks)), key=lambda place: -cost(tasks[place]))
        }
        try:
            for place in range(len(tasks)):
                yield futures[place].result()
        except BrokenProcessPool:
            raise ValueError(
                "workers: a process was ended before its work; it had no memory left (use fewer workers), or "
                'the script that started it lacks its `if __name__ == "__main__":`'
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            _end(set(multiprocessing.active_children()) - others, all(f.done() for f in futures.values()))


def _prepare() -> None:
    """An interrupt ends the process that waits, which ends the others; so does whatever else ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _end(processes: set[BaseProcess], idle: bool) -> None:
    """Idle ones end by themselves, and keep what they have to say."""
    for process in processes if not idle else ():
        process.terminate()
