"""The `speciation` program: commands, and one clear line with exit status 2 for bad input."""

import gc
import inspect
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer

from ...theory import __version__
from ...theory._support.one_line import one_line
from . import cite, clock, compare, control, convert, curve, diagram, fit, measure, plot, predict, verify
from .common import forget_kept, interruption, told
from .streams import sturdy_streams

__all__ = ["app", "guarded", "main", "own_process"]

app: typer.Typer = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="When, along the noise scale, a diffusion model decides the class of a sample.",
)


def _flowing(command: Callable[..., None]) -> str:
    """The help of a command, each paragraph in one line: the terminal's width is not that of the source."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))


_COMMANDS: dict[str, Callable[..., None]] = {
    "predict": predict.predict,
    "curve": curve.curve,
    "plot": plot.plot,
    "fit": fit.fit,
    "verify": verify.verify,
    "diagram": diagram.diagram,
    "measure": measure.measure,
    "compare": compare.compare,
    "convert": convert.convert,
    "cite": cite.cite,
    "control": control.control,
    "clock": clock.clock,
}
# a value of clock may begin with a minus: log-SNR is negative where noise prevails
for _name, _command in _COMMANDS.items():
    _settings = {"ignore_unknown_options": True} if _name == "clock" else None
    app.command(_name, help=_flowing(_command), context_settings=_settings)(_command)


_INTERRUPTED = 130
# Typer carries its own copy of click in some releases, so its classes are reached through Typer.
_UsageError: Any = typer.BadParameter.__base__


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the program on `arguments` (the process's own by default) and exit with its status.

    0 done; 1 a check did not hold; 2 bad input, or output that cannot be written, said in one line on stderr;
    130 interrupted, and 143 or 129 ended by SIGTERM or SIGHUP, with finished work kept.
    """
    if arguments is not None:
        sys.exit(guarded(app, "speciation", arguments))
    own_process(app, "speciation")


def own_process(program: typer.Typer, name: str) -> None:
    """Run a program on this process's arguments, end in order when told to, and exit with its status."""

    def end(number: int, frame: object) -> None:
        told.append(number)
        raise KeyboardInterrupt

    sys.unraisablehook = _say_lost
    usual = (signal.SIG_DFL, signal.default_int_handler)  # `nohup` and shells' background ignore some
    for one in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, one, None)
        if number is not None and signal.getsignal(number) in usual:
            signal.signal(number, end)
    status = guarded(program, name, sys.argv[1:])
    if status == _INTERRUPTED:
        # nothing is left that a second one could stop
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = 128 + told[0] if told else status
        # what JAX still computes in threads of its own crashes an interpreter that is taken down in order
        logging.shutdown()
        gc.collect()  # ends what other processes shared, which would be reported as leaked
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _say_lost(lost: "sys.UnraisableHookArgs") -> None:
    """What Python says of an exception that it drops, but for the one that ends the process in order."""
    if not (told and issubclass(lost.exc_type, KeyboardInterrupt)):
        sys.__unraisablehook__(lost)


def guarded(program: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run a Typer program and return its exit status, with one line on stderr for whatever went wrong."""
    with sturdy_streams(), warnings.catch_warnings():
        warnings.showwarning = _say_warning
        status = _run(program, name, arguments)
        try:
            sys.stdout.flush()
        except ValueError as error:
            return _refuse(str(error))
        return status


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    """One line, without the place in the library that it comes from."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _run(program: typer.Typer, name: str, arguments: list[str]) -> int:
    command: object = typer.main.get_command(program)
    forget_kept()
    try:
        status = int(command.main(args=arguments, prog_name=name, standalone_mode=False) or 0)
        if status == _INTERRUPTED:  # Typer turns an interrupt into a status
            raise KeyboardInterrupt
        return status
    except _UsageError as error:
        return _refuse(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        print(interruption(), file=sys.stderr)
        return _INTERRUPTED
    except ValueError as error:
        return _refuse(_with_option(str(error), command, arguments))
    except MemoryError as error:
        return _refuse(f"not enough memory: {error}".rstrip(": "))
    except OSError as error:
        return _refuse(f"{error.filename or 'system'}: {one_line(error)}")
    except ModuleNotFoundError as error:
        extra = "interactive" if error.name == "bokeh" else "models"
        return _refuse(f"{error.name}: is not installed; pip install 'speciation[{extra}]' brings it")


_OPTIONS = {"key": "seed", "sigmas": "sigma"}
"""Arguments of the library that the command line calls otherwise."""


def _with_option(message: str, command: object, arguments: list[str]) -> str:
    """A message that begins with the name of an argument, with that of its option instead."""
    name, colon, rest = message.partition(":")
    name = _OPTIONS.get(name, name)
    for parameter in _command_of(command, arguments).params:
        if parameter.name == name:
            option = parameter.param_type_name == "option"
            return f"{max(parameter.opts, key=len) if option else name.upper()}{colon}{rest}"
    return message


def _command_of(command: object, arguments: list[str]) -> Any:
    """The command, or the one below it, that these arguments are of."""
    below = getattr(command, "commands", {})
    return next((below[argument] for argument in arguments if argument in below), command)


def _refuse(message: str) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return 2
