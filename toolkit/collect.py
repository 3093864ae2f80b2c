"""Endpoints × probes → evidence: one script per endpoint, sent once, each section bounded in time and size."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from shlex import quote

from toolkit.errors import UnreachableError
from toolkit.finding import EndpointStatus, Evidence, Section, SectionStatus
from toolkit.i18n import _
from toolkit.once import Once
from toolkit.probes import Probe
from toolkit.probes._shared import UNIT_PROPERTIES, ask, ask_units, unit_states
from toolkit.transport.base import HostKeyChangedError, NotEnrolledError, Result, Route, Transport

PARALLEL = 16
# However many probes there are, one endpoint holds a worker no longer (seconds) and the memory no fuller (bytes).
LONGEST_RUN = 180.0
LARGEST_RUN = 16_777_216
_TIMED_OUT = {124, 137}  # timeout(1): ended by TERM, ended by KILL

# Two passes, because bounding each command by itself costs more processor than most commands do. First all of them run
# in one shell, bounded together; then what did not end in that is asked again by itself, so that a command that hangs
# or floods costs its own section only. `@` is the nonce: it reaches shells as text on standard input, which no command
# has, so no output can contain a border. Everything is inside functions called on the last line: a script that arrives
# incomplete does nothing.
QUICK_SECONDS = 20
_QUICK_BYTES = 1_048_576

# In the first pass a command writes straight into the common output (4). What it leaves running holds the substitution
# open (9), so a section ends only when nothing can add to it any more. 3 tells the second pass what is done.
_QUICK = """\
exec 4>&1
quick() {
printf '\\n@ begin %s\\n' "$1"
held=$(exec 9>&1 >&4 2>&1 </dev/null 3>&-; eval "$2")
printf '\\n@ exit %s\\n\\n@ end %s\\n' "$?" "$1" && printf '%s ' "$1" >&3
}
"""

# A question that several probes share is asked aside: in the shell that runs them all, out of reach of their output.
_ASIDE = "</dev/null 3>&- 4>&-"
_STATES = """\
states() {{
set -f; IFS='
'; n=0
set -- $({command} 2>/dev/null)
set +f; unset IFS
[ $# -eq {lines} ] || return
{slices}}}
states {aside}
"""

# In the second, `timeout` ends the command, `head` ends its output, a second `timeout` ends the wait for whatever the
# command left running with the output open. The exit line travels inside the bounded output, so that it is lost
# together with the end of an output that is too long.
_FRAME = """\
careful() {
case " $finished" in *" $1 "*) return;; esac
printf '\\n@+ begin %s\\n' "$1"
{ timeout -k 1 "$2" sh -c "$5" </dev/null 2>&1; printf '\\n@+ exit %s\\n' "$?"; } | timeout -k 1 "$3" head -c "$4"
printf '\\n@+ end %s\\n' "$1"
}
main() {
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
cd /
eval "$commands"
{ finished=$({ printf '%s\\n' "$commands" "$quick" | timeout -k 1 {seconds} sh 5>&- |
timeout -k 1 {longer} head -c {bytes} >&5; } 3>&1); } 5>&1
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """An endpoint that gave no evidence at all; `detail` is one line for the user."""

    endpoint: str
    status: EndpointStatus
    detail: str


def new_nonce() -> str:
    """Return a border that no output can know: 128 random bits, in hexadecimal."""
    return secrets.token_hex(16)


def _room(probe: Probe) -> int:
    return probe.limit + 64  # the longest exit line is `\n<32 hexadecimal>+ exit <3 digits>\n`


def build_script(probes: Sequence[Probe], nonce: str) -> str:
    """Return the POSIX-sh script that runs each probe's command and prints its output between borders."""
    shares = list(dict.fromkeys(name for probe in probes for name in probe.shares))
    commands = "".join(
        [f"s_{name}={quote(ask(name))}\n" for name in shares]
        + [f"n_{probe.name}={quote(ask_units(probe.units))}\n" for probe in probes if probe.units]
        + [f"c_{probe.name}={quote(probe.command)}\n" for probe in probes]
    )
    frame = _FRAME.replace("{seconds}", str(QUICK_SECONDS)).replace("{longer}", str(QUICK_SECONDS + 2))
    frame = frame.replace("{bytes}", str(_QUICK_BYTES)).replace("@", nonce)
    texts = f"commands={quote(commands)}\nquick={quote(_QUICK.replace('@', nonce) + _first_pass(probes))}\n"
    return "".join([texts, frame, *map(_second, probes), "}\nmain\n"])


# Endpoints that are asked the same get the same script, each with a border of its own.
_PLACE = new_nonce()
_script = Once[Sequence[Probe], str](lambda probes: build_script(probes, _PLACE), size=64)


def _first_pass(probes: Sequence[Probe]) -> str:
    """Return the calls of the first pass; what probes share is asked before the first of them."""
    lines: dict[str, None] = {}  # each line once, in order
    for probe in probes:
        lines |= {f'eval "$s_{name}" {_ASIDE}\n': None for name in probe.shares}
        if probe.units:
            lines[_states([other for other in probes if other.units])] = None
            lines[f"units=$u_{probe.name}\n"] = None
        lines[f'quick {probe.name} "$c_{probe.name}"\n'] = None
    return "".join(lines)


def _states(probes: Sequence[Probe]) -> str:
    """Return the sh that asks systemd once for the units of all these probes, and keeps each one's blocks for it.

    Of an answer that is not one line for each property, nobody gets anything.
    """
    size = len(UNIT_PROPERTIES)
    lasts = accumulate(len(probe.units) for probe in probes)
    block = "\n".join(f"${place}" for place in range(1, size + 1))
    slices = "".join(
        f'while [ $((n += 1)) -le {last} ]; do {kept}="${{{kept}-}}{block}\n\n"; shift {size}; done; n={last}\n'
        for kept, last in zip((f"u_{probe.name}" for probe in probes), lasts, strict=True)
    )
    units = [unit for probe in probes for unit in probe.units]
    return _STATES.format(command=unit_states(units), lines=len(units) * size, slices=slices, aside=_ASIDE)


def _second(probe: Probe) -> str:
    """Return the call of the second pass, in which a command asks for itself all that it builds on."""
    parts = [*(f"s_{name}" for name in probe.shares), *([f"n_{probe.name}"] if probe.units else []), f"c_{probe.name}"]
    script = "".join(f"${part}" for part in parts)
    return f'careful {probe.name} {probe.timeout:g} {probe.timeout + 2:g} {_room(probe)} "{script}"\n'


def _text(raw: bytes) -> str:
    # Escaped, not lost, and storable everywhere: PostgreSQL keeps no NUL in text.
    return raw.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00")


def _judge(probe: Probe, body: bytes, mark: bytes) -> Section:
    """Return the section of an output that was closed by its end line."""
    before, said, code = body.rpartition(b"\n%s exit " % mark)
    ended = bool(said) and code.endswith(b"\n") and code[:-1].isdigit() and len(code) <= len(b"255\n")
    text = _text((before if ended else body)[: probe.limit])
    if not ended or len(before) > probe.limit:
        cut = len(body) >= _room(probe) or ended
        return Section(probe.name, SectionStatus.TRUNCATED if cut else SectionStatus.TIMEOUT, None, text)
    if int(code) in _TIMED_OUT:
        return Section(probe.name, SectionStatus.TIMEOUT, int(code), text)
    return Section(probe.name, SectionStatus.FAILED if int(code) else SectionStatus.OK, int(code), text)


def _begun(output: bytes, mark: bytes) -> Mapping[bytes, Sequence[bytes]]:
    """Return by probe what follows each of its begin lines, up to the next one: the output is searched once for all."""
    found: dict[bytes, list[bytes]] = {}
    for piece in output.split(b"\n%s begin " % mark)[1:]:
        name, _newline, after = piece.partition(b"\n")
        found.setdefault(name, []).append(after)
    return found


def _section(probe: Probe, begun: Mapping[bytes, Sequence[bytes]], mark: bytes) -> Section:
    pieces = begun.get(probe.name.encode(), ())
    if len(pieces) != 1:  # absent; or twice, which our script never prints
        return Section(probe.name, SectionStatus.MISSING, None, "")
    body, closed, _rest = pieces[0].partition(b"\n%s end %s\n" % (mark, probe.name.encode()))
    if not closed:
        return Section(probe.name, SectionStatus.TRUNCATED, None, _text(body[: probe.limit]))
    return _judge(probe, body, mark)


def read_sections(probes: Iterable[Probe], output: bytes, nonce: str) -> dict[str, Section]:
    """Return one section per probe, whatever `output` is; what did not come back whole is never `OK`.

    What the second pass says where it asked, else the first.
    """
    first, second = nonce.encode(), nonce.encode() + b"+"
    begun, again = _begun(output, first), _begun(output, second)
    return {
        probe.name: _section(probe, again, second) if probe.name.encode() in again else _section(probe, begun, first)
        for probe in probes
    }


def _silent(endpoint: str, result: Result) -> str:
    said = "".join(sign if sign.isprintable() else " " for sign in _text(result.stderr[:2000]))
    if result.exit_code is None:
        return _("{endpoint}: logged in, but nothing came back in time").format(endpoint=endpoint)
    return _("{endpoint}: logged in, but could not become root: {reason}").format(
        endpoint=endpoint, reason=" ".join(said.split())[:200] or _("exit {code}").format(code=result.exit_code)
    )


def collect_one(probes: Sequence[Probe], route: Route, transport: Transport) -> Evidence | Failure:
    """Ask one endpoint everything in one exchange.

    Raises:
        BadInputError: our own key or known_hosts file is unusable, which concerns every endpoint.
    """
    nonce = new_nonce()
    timeout = min(LONGEST_RUN, QUICK_SECONDS + sum(probe.timeout + 3 for probe in probes))
    limit = min(LARGEST_RUN, _QUICK_BYTES + sum(_room(probe) + 256 for probe in probes))
    try:
        script = _script(probes).replace(_PLACE, nonce)
        result = transport.run(route, script, timeout=timeout, limit=limit)
    except NotEnrolledError as error:
        return Failure(route.alias, EndpointStatus.NOT_ENROLLED, str(error))
    except HostKeyChangedError as error:
        return Failure(route.alias, EndpointStatus.KEY_CHANGED, str(error))
    except UnreachableError as error:
        return Failure(route.alias, EndpointStatus.UNREACHABLE, str(error))
    sections = read_sections(probes, result.stdout, nonce)
    if all(section.status is SectionStatus.MISSING for section in sections.values()):
        return Failure(route.alias, EndpointStatus.UNREACHABLE, _silent(route.alias, result))
    return Evidence(route.alias, datetime.now(UTC), sections)


def collect(
    probes: Mapping[str, Sequence[Probe]], routes: Iterable[Route], transport: Transport, *, parallel: int = PARALLEL
) -> Iterator[tuple[str, Evidence | Failure]]:
    """Ask every endpoint, `parallel` at a time; yield (endpoint, what it said or why not) as each one ends.

    Args:
        probes: by endpoint name (`Route.alias`), in the order in which they run. At least one each.

    Raises:
        BadInputError: see `collect_one`; what has not started is then not started.
    """
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="collect")
    waiting: dict[Future[Evidence | Failure], str] = {}
    try:
        for route in routes:
            waiting[pool.submit(collect_one, probes[route.alias], route, transport)] = route.alias
        for future in as_completed(list(waiting)):
            yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
