"""What goes wrong, said in one line, and the exit code it leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the `nomade` command (docs/architecture.md, Exit codes)."""

    OK = 0
    INTERNAL = 1
    NOT_COMPLIANT = 2
    NOTHING_EVALUATED = 3
    UNREACHABLE = 4
    BAD_INPUT = 5
    USAGE = 64
    INTERRUPTED = 130


# Worst first: one internal error outweighs everything, an absent laptop outweighs only success.
_WORST_FIRST = (
    ExitCode.INTERNAL,
    ExitCode.BAD_INPUT,
    ExitCode.NOTHING_EVALUATED,
    ExitCode.NOT_COMPLIANT,
    ExitCode.UNREACHABLE,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that stands for all of `codes`; `OK` when there is none worse.

    An empty iterable is `NOTHING_EVALUATED`: nothing done is not success.
    """
    seen = set(codes)
    if not seen:
        return ExitCode.NOTHING_EVALUATED
    return next((code for code in _WORST_FIRST if code in seen), ExitCode.OK)


class NomadeError(Exception):
    """An expected failure: its text is one line for the user, in the user's language."""

    exit_code = ExitCode.INTERNAL


class BadInputError(NomadeError):
    """The inventory, a configuration file or a catalogue file is wrong. Nothing was changed."""

    exit_code = ExitCode.BAD_INPUT


class NothingEvaluatedError(NomadeError):
    """The request matched nothing, so nothing can be said to be compliant."""

    exit_code = ExitCode.NOTHING_EVALUATED


class UnreachableError(NomadeError):
    """An endpoint did not answer, or answered with a host key that is not the pinned one."""

    exit_code = ExitCode.UNREACHABLE


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one place of a file. Line and column count from 1."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class ProblemsError(BadInputError):
    """Every problem found in one reading, in file order; printed one per line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
