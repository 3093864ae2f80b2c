"""Figures of reports for Prometheus's textfile collector: counts and moments, no text of endpoints but their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from toolkit.finding import Severity
from toolkit.report import Look, plain
from toolkit.report.model import Coverage, Machine, Report, State

FORMAT = "prom"

_HELP = {
    "nomade_report_timestamp_seconds": "When the report was made.",
    "nomade_controls": "Controls of a commune by result; waived is part of failed, declared part of passed.",
    "nomade_endpoints": "Endpoints of a commune: declared, and evaluated.",
    "nomade_posts": "Telework posts of a commune by state.",
    "nomade_endpoint_state": "1 for the state that an endpoint is in.",
    "nomade_endpoint_controls": "Controls of an endpoint by result; waived is part of failed, declared part of passed.",
    "nomade_endpoint_open_failures": "Controls of an endpoint that fail and that nobody accepted, by severity.",
    "nomade_endpoint_evidence_timestamp_seconds": "When an endpoint was last collected; absent when it never was.",
}
_RESULTS = ("expected", "passed", "failed", "error", "manual", "stale", "unknown", "waived", "declared")


class _Sample(NamedTuple):
    metric: str
    labels: Mapping[str, str]
    value: float


def render(reports: Sequence[Report], look: Look) -> str:
    """Return the text exposition format, one block per metric, all gauges, without timestamps of samples."""
    samples = [sample for report in reports for sample in _of_report(report)]
    return "".join(_block(name, [item for item in samples if item.metric == name]) for name in _HELP)


def _block(name: str, samples: list[_Sample]) -> str:
    lines = [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", *map(_line, samples)]
    return "".join(f"{line}\n" for line in lines) if samples else ""


def _line(sample: _Sample) -> str:
    labels = ",".join(f'{name}="{_label(value)}"' for name, value in sample.labels.items())
    return f"{sample.metric}{{{labels}}} {sample.value:.15g}"


def _label(text: str) -> str:
    # The format knows three escapes; line ends are gone already, so that no text can begin a sample of its own.
    return plain.one_line(text).encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')


def _of_report(report: Report) -> Iterator[_Sample]:
    commune = {"commune": report.commune}
    yield _Sample("nomade_report_timestamp_seconds", commune, report.generated_at.timestamp())
    yield from _results("nomade_controls", commune, report.coverage)
    for name, number in (
        ("declared", report.coverage.endpoints),
        ("evaluated", report.coverage.endpoints_evaluated),
    ):
        yield _Sample("nomade_endpoints", {**commune, "count": name}, number)
    posts = Counter(post.state for post in report.posts)
    for state in State:
        yield _Sample("nomade_posts", {**commune, "state": state.value}, posts[state])
    for machine in report.machines:
        yield from _of_machine(machine, {**commune, "endpoint": machine.name, "kind": machine.kind})


def _results(metric: str, labels: Mapping[str, str], counts: Coverage) -> Iterator[_Sample]:
    for name in (*_RESULTS, "not_applicable"):
        yield _Sample(metric, {**labels, "result": name}, getattr(counts, name))


def _of_machine(machine: Machine, labels: Mapping[str, str]) -> Iterator[_Sample]:
    for state in State:
        yield _Sample("nomade_endpoint_state", {**labels, "state": state.value}, int(machine.state is state))
    yield from _results("nomade_endpoint_controls", labels, machine.coverage)
    open_ = Counter(line.severity for line in machine.lines if line.is_open)
    for severity in Severity:
        yield _Sample("nomade_endpoint_open_failures", {**labels, "severity": severity.value}, open_[severity])
    if machine.collected_at:
        moment = machine.collected_at.timestamp()
        yield _Sample("nomade_endpoint_evidence_timestamp_seconds", labels, moment)
