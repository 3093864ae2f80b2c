"""A copy of a workspace lives on other addresses and is otherwise the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit import fleet, paths
from toolkit.errors import BadInputError
from toolkit.lab import engine, topology
from toolkit.lab.readdress import move, readdress


def test_addresses_and_networks_move_together() -> None:
    assert move("a: 198.18.0.11\nb: 10.77.1.0/24\n", 3) == "a: 198.18.48.11\nb: 10.77.49.0/24\n"


def test_other_text_stays() -> None:
    text = "198.18.0.0/15 192.0.2.1 1.198.18.0.1 version 10.77.1 198.18.0.999"
    assert move(text, 3) == text


def test_blocks_past_the_octet_carry() -> None:
    assert move("198.18.1.11", 16) == "198.19.1.11"


def test_the_copy_is_a_valid_fleet_on_its_own_networks(tmp_path: Path) -> None:
    copy = readdress(paths.demo_dir(), tmp_path / "copy", 4)
    plan = topology.load(copy)
    assert plan.networks["bench"] == "198.18.64.0/24"
    assert fleet.load(copy, "valsorbe").gateway.tunnel_network == "10.77.65.0/24"


def test_nothing_generated_is_copied(tmp_path: Path) -> None:
    source = readdress(paths.demo_dir(), tmp_path / "source", 4)
    source.commune("valsorbe").hosts.write_text("all: {}\n", encoding="utf-8")
    copy = readdress(source.root, tmp_path / "copy", 4)
    assert not copy.commune("valsorbe").hosts.exists()


@pytest.mark.parametrize("block", [0, 32])
def test_blocks_that_do_not_exist_are_refused(tmp_path: Path, block: int) -> None:
    with pytest.raises(BadInputError, match=str(block)):
        readdress(paths.demo_dir(), tmp_path / "copy", block)


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="docker and its locks are root's")
def test_two_processes_that_start_together_are_given_different_blocks() -> None:
    ask = "import sys; from toolkit.lab.readdress import free_block; print(free_block(), flush=True); sys.stdin.read()"
    started = [
        subprocess.Popen([sys.executable, "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        blocks = [process.stdout.readline().strip() for process in started if process.stdout]
    finally:
        for process in started:
            process.communicate(timeout=60)
    assert len(set(blocks)) == len(started)
    assert all(block.isdigit() for block in blocks)


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="docker and its locks are root's")
def test_the_engine_is_not_ended_while_another_process_is_about_to_use_it() -> None:
    held = "import sys; from toolkit.lab import engine; engine.ensure(); print(1, flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout
        other.stdout.readline()
        assert not engine.hold("users")
    finally:
        other.communicate(timeout=60)
