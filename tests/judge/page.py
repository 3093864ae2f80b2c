"""The page of the judges (`docs/juges.md`): its table stands between markers and is written by `make judge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.judge.openscap import Scan, rules
from tests.judge.others import EXPOSURE_GOAL, Lynis, Ssh

PAGE = Path(__file__).parents[2] / "docs" / "juges.md"
BEGIN = "<!-- Généré par « make judge » : ne pas modifier jusqu’à la marque de fin. -->"
END = "<!-- Fin de la partie générée. -->"
BEGIN_VIRTUAL = "<!-- Généré par « make judge-vm » : ne pas modifier jusqu’à la marque de fin. -->"
_WORDS = {"minimal": "minimal", "intermediary": "intermédiaire"}


@dataclass(slots=True)
class Verdicts:
    """What the judges say at one moment. `scans`: (level, tailored?) → scan."""

    scans: dict[tuple[str, bool], Scan] = field(default_factory=dict)
    lynis: int = 0
    lynis_usb_guard: int = 0  # with USBGuard, which a commune may switch on; not measured before
    ssh: Ssh = field(default_factory=lambda: Ssh((), ()))
    exposures: dict[str, float] = field(default_factory=dict)
    ports: list[str] | None = None


def write(text: str, begin: str = BEGIN) -> None:
    """Put `text` between a mark and the next mark of an end."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{begin}\n{text}{END}{after}", encoding="utf-8")


def write_virtual(date: str, before: Lynis, after: Lynis) -> None:
    """Put what Lynis says of the laptop that boots into the page."""
    write("\n".join(virtual_lines(date, before, after)) + "\n", BEGIN_VIRTUAL)


def virtual_lines(date: str, before: Lynis, after: Lynis) -> Iterator[str]:
    """Yield that part of the page; a test of Lynis without a reason shows as one to explain."""
    reasons = rules()["lynis"]
    yield ""
    yield (
        f"Mesuré le {date} sur un portable Debian 12 qui démarre son propre noyau (QEMU), avec Lynis {after.version} : "
        f"**{before.index}** avant, **{after.index}** après."
    )
    yield ""
    yield f"Ce qu’il propose encore ({len(after.open_tests)}), et pourquoi cela reste :"
    yield ""
    yield from (f"- `{test}` : {reasons.get(test, '**à expliquer**')}" for test in after.open_tests)
    yield ""


def render(before: Verdicts, after: Verdicts, versions: dict[str, str], date: str) -> str:
    """Return the generated part: versions, the table, the rules that are not met, each with its reason."""
    return "\n".join(_lines(before, after, versions, date)) + "\n"


def _lines(before: Verdicts, after: Verdicts, versions: dict[str, str], date: str) -> Iterator[str]:
    yield ""
    yield (
        f"Mesuré le {date} sur un portable Debian 12 du banc, avec "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )
    yield ""
    yield "| juge | avant | après |"
    yield "|---|---|---|"
    for level, tailored in sorted(after.scans, key=lambda key: (key[0] != "minimal", key[1])):
        words = "sans les règles exclues" if tailored else "toutes les règles"
        cells = (_scan(verdicts.scans[level, tailored]) for verdicts in (before, after))
        yield f"| OpenSCAP, ANSSI-BP-028 {_WORDS[level]}, {words} | " + " | ".join(cells) + " |"
    yield f"| Lynis, indice de durcissement | {before.lynis} | {after.lynis} |"
    guarded = after.lynis_usb_guard or "non mesuré"
    yield f"| le même, quand la commune allume USBGuard (`desktop_usbguard`) | — | {guarded} |"
    yield f"| ssh-audit | {_ssh(before.ssh)} | {_ssh(after.ssh)} |"
    highest = max(after.exposures.values(), default=0.0)
    yield f"| systemd-analyze security, service le plus exposé des nôtres | — | {highest:.1f} |"
    yield f"| nmap, ports ouverts à un voisin | {_ports(before)} | {_ports(after)} |"
    yield from _scap_lists(before, after)
    yield from _other_lists(after)
    yield ""


def _scan(scan: Scan) -> str:
    passed, failed, skipped = (len(scan.of(*words)) for words in (("pass",), ("fail", "error"), ("notapplicable",)))
    return f"**{scan.percent:.0f} %** : {passed} satisfaites, {failed} non, {skipped} sans objet"


def _ssh(ssh: Ssh) -> str:
    return f"{len(ssh.failures)} échecs, {len(ssh.warnings)} avertissements"


def _ports(verdicts: Verdicts) -> str:
    return "non mesuré" if verdicts.ports is None else ", ".join(verdicts.ports) or "aucun"


def _scap_lists(before: Verdicts, after: Verdicts) -> Iterator[str]:
    reasons = rules()
    unmet = sorted({rule for scan in after.scans.values() for rule in scan.of("fail", "error", "unknown")})
    yield ""
    yield f"Règles exclues ({len(reasons['excluded'])}), et pourquoi :"
    yield ""
    for rule, reason in sorted(reasons["excluded"].items()):
        yield f"- `{rule}` : {reason}"
    yield ""
    yield "Autres règles non satisfaites :"
    yield ""
    others = [rule for rule in unmet if rule not in reasons["excluded"]]
    for rule in others:
        yield f"- `{rule}` : {reasons['open'].get(rule, '**à expliquer**')}"
    if not others:
        yield "- aucune"
    lost = sorted(
        {rule for key, scan in before.scans.items() for rule in scan.of("pass") if rule in after.scans[key].of("fail")}
    )
    yield ""
    yield "Règles satisfaites avant et plus après : " + (", ".join(f"`{rule}`" for rule in lost) or "aucune") + "."


def _other_lists(after: Verdicts) -> Iterator[str]:
    yield ""
    yield "Ce que ssh-audit relève encore :"
    yield ""
    yield from (f"- {note}" for note in (*after.ssh.failures, *after.ssh.warnings) or ("rien",))
    high = {name: level for name, level in after.exposures.items() if level > EXPOSURE_GOAL}
    if high:
        yield ""
        yield (
            f"Services au-dessus de {EXPOSURE_GOAL:.1f} : "
            + ", ".join(f"`{name}` ({level:.1f})" for name, level in sorted(high.items()))
            + "."
        )
