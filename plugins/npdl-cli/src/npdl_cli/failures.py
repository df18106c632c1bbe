"""What a command's exceptions become: one message on standard error, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass

import click

from npdl_cli.console import note
from npdl_core.errors import NpdlError, printable

__all__ = ["FAILURE", "INTERRUPTED", "MISTAKE", "Debug", "report"]

FAILURE = 1
MISTAKE = 2
INTERRUPTED = 130


@dataclass
class Debug:
    """Whether ``--debug`` was given."""

    on: bool = False


def report(error: BaseException, debug: Debug) -> int:
    """Say what went wrong and return the exit code.

    0 is success, 1 a failure while running, 2 a mistake in the command line or in a configuration, 130 an
    interrupt.
    """
    if isinstance(error, SystemExit) and not isinstance(error.code, str):  # of a plugin's command
        return int(error.code or 0)
    if isinstance(error, BrokenPipeError):
        _silence()
        return FAILURE
    if debug.on:
        for text in traceback.format_exception(error):
            for row in text.splitlines():
                note(row)
    if isinstance(error, (click.Abort, KeyboardInterrupt, EOFError)):
        note("interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    note(f"Error: {_message(error)}")
    return _exit_code(error)


def _exit_code(error: BaseException) -> int:
    from npdl_cli.config import ConfigFileError

    return MISTAKE if isinstance(error, ConfigFileError) else FAILURE


def _message(error: BaseException) -> str:
    if isinstance(error, (NpdlError, SystemExit)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        name = f"{printable(error.filename)}: " if error.filename else ""
        return f"{name}{error.strerror}"
    return f"unexpected {type(error).__name__}: {printable(error)}; --debug shows where it comes from"


def _silence() -> None:
    """Send what is still to be printed nowhere: the reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
