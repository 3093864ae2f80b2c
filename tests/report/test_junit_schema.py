"""JUnit against the schema of Jenkins' xUnit plugin, which no wheel and no Debian package has; pytest's sources do."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest
from xmlschema import XMLSchema10

from tests.report.sample import BOURG, BOURG_STATE, WAIVERS, report
from tests.report.test_formats import HOSTILE, TERMINAL, hostile_report, text_of
from toolkit.report.model import Report

_SCHEMA = "testing/example_scripts/junit-10.xsd"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> XMLSchema10:
    folder, pytest_version = tmp_path_factory.mktemp("sources"), version("pytest")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pytest"]
    done = subprocess.run(
        [*command, "--dest", folder, f"pytest=={pytest_version}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the sources of pytest cannot be had: {done.stderr.strip()[-200:]}")
    name = f"pytest-{pytest_version}"
    with tarfile.open(folder / f"{name}.tar.gz") as sources:
        sources.extract(f"{name}/{_SCHEMA}", folder, filter="data")
    return XMLSchema10(Path(folder, name, _SCHEMA))


@pytest.mark.parametrize(
    "shown",
    [
        report(),
        report(waivers=WAIVERS),
        report(BOURG, BOURG_STATE),
        hostile_report(HOSTILE[1]),
        hostile_report(TERMINAL),
    ],
    ids=["plain", "waived", "silent", "markup", "terminal"],
)
def test_junit_meets_the_schema(schema: XMLSchema10, shown: Report) -> None:
    assert [error.reason for error in schema.iter_errors(text_of([shown], "junit"))] == []


def test_a_junit_file_that_is_wrong_does_not_meet_the_schema(schema: XMLSchema10) -> None:
    text = text_of([report()], "junit")
    for wrong in (text.replace("<properties>", "<propriétés/><properties>", 1), text.replace(" classname=", " class=")):
        assert not schema.is_valid(wrong)
