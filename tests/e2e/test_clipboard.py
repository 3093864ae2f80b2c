"""What is copied on one side of a remote session is pasted on the other where the commune lets it, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.desk import GROUND, Desk

pytestmark = pytest.mark.lab

# For a window where Ctrl+V pastes: a word is copied (by an escape sequence of xterm) before or after a line is read.
COPYING = r"""#!/bin/sh
copy() { printf '\033]52;c;%s\a' "$(printf %s "$1" | base64)"; }
[ "$2" = after ] || copy "$1"
read -r line
printf '%s\n' "$line" > "$HOME/pasted"
[ "$2" = before ] || copy "$1"
exec sleep 900
"""
XTERM = (
    "xterm -bg black -fg white -xrm 'XTerm*allowWindowOps: true' -xrm 'XTerm*disallowedWindowOps:' "
    "-xrm 'XTerm*VT100.translations: #override Ctrl<Key>v: insert-selection(CLIPBOARD)'"
)


# What remote_desktop_host_clipboard: false writes; an apply for two words would take longer than all the rest.
REFUSED = "s/^cliprdr=true/cliprdr=false/; s/^(Restrict.*Clipboard)=none/\\1=all/"


@contextmanager
def decided(desk: Desk, allowed: bool) -> Iterator[None]:
    """The office PC with the clipboard as its commune decided."""
    if allowed:
        yield
        return
    files, restart = "/etc/xrdp/xrdp.ini /etc/xrdp/sesman.ini", "systemctl restart xrdp-sesman xrdp"
    desk.run(desk.office_pc, f"sed --in-place=.allowed -E '{REFUSED}' {files}; {restart}")
    try:
        yield
    finally:
        desk.run(desk.office_pc, f"for file in {files}; do mv $file.allowed $file; done; {restart}")


def paste(desk: Desk, x: int, y: int) -> None:
    """Click at a place of the laptop's screen, paste there and end the line."""
    keys = "click 1 sleep 0.5 key ctrl+v sleep 1 key Return"
    desk.run(desk.laptop, f"DISPLAY=:77 xdotool mousemove {x} {y} sleep 0.3 {keys}")


def pasted(desk: Desk, host: str) -> str:
    """Return the line that the window of a machine got."""
    file = f"~{desk.login}/pasted"
    return (
        desk.run(host, f"for try in $(seq 20); do [ ! -s {file} ] || break; sleep 0.2; done; cat {file}")
        .decode()
        .strip()
    )


@pytest.mark.parametrize("desk", ["pontlierre"], indirect=True)
@pytest.mark.parametrize("allowed", [True, False])
def test_what_is_copied_crosses_where_the_policy_lets_it(desk: Desk, allowed: bool) -> None:
    with decided(desk, allowed):
        for host in (desk.laptop, desk.office_pc):
            desk.run(host, f"cd ~{desk.login}; rm -f pasted; install --mode=755 /dev/stdin copying", COPYING)
        # Where nothing crosses, each side has a word of its own and pastes that: pasting itself works.
        office = f"{XTERM} -geometry 46x6+90+90 -e ~/copying bureau {'after' if allowed else 'before'}"
        desk.run(desk.office_pc, f"cat > ~{desk.login}/.xsessionrc", f"{GROUND}(sleep 3; exec {office}) &\n")
        desk.open_session()
        assert desk.green(), desk.said()
        time.sleep(5)  # the window opens
        unit = f"systemd-run --quiet --collect --unit=lab-copying --uid={desk.login} --setenv=DISPLAY=:77"
        laptop = f"{XTERM} -geometry 30x4+700+600 -e ~{desk.login}/copying portable before"
        desk.run(desk.laptop, f"{unit} --setenv=HOME=$(echo ~{desk.login}) {laptop}")
        try:
            time.sleep(2)
            paste(desk, 200, 130)
            assert pasted(desk, desk.office_pc) == ("portable" if allowed else "bureau")
            paste(desk, 760, 630)
            assert pasted(desk, desk.laptop) == ("bureau" if allowed else "portable")
        finally:
            desk.run(desk.laptop, "systemctl stop lab-copying")
