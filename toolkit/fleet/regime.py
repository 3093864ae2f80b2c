"""What the parts of a fleet that say when telework takes place must agree on."""

from __future__ import annotations

from collections.abc import Collection

from toolkit.fleet.document import Document, Path_
from toolkit.fleet.model import Fleet
from toolkit.i18n import _


def check(document: Document, fleet: Fleet, broken: Collection[str]) -> None:
    """Add to `document` what is wrong with hours, days and exceptions; `broken` sections could not be read."""
    _check_hours(document, fleet)
    if "regime" not in broken:
        _check_days(document, fleet)
    if fleet.regime.until and fleet.regime.mode == "normal":
        document.report(("regime", "until"), _("only an emergency has an end: remove until"))
    for index, item in enumerate(fleet.on_call):
        if item.start >= item.until:
            document.report(("on_call", index, "until"), _("the exception ends before it begins"))


def _check_hours(document: Document, fleet: Fleet) -> None:
    given: list[tuple[Path_, str]] = [(("regime", "hours"), fleet.regime.hours)]
    given += [
        (("teleworkers", index, "hours"), item.hours) for index, item in enumerate(fleet.teleworkers) if item.hours
    ]
    for path, hours in given:
        start, _hyphen, end = hours.partition("-")
        if start >= end:
            document.report(path, _("the hours end before they begin"))


def _check_days(document: Document, fleet: Fleet) -> None:
    regime = fleet.regime
    given: list[tuple[Path_, tuple[str, ...]]] = [(("regime", "weekdays"), regime.weekdays)]
    given += [
        (("teleworkers", index, "weekdays"), item.weekdays)
        for index, item in enumerate(fleet.teleworkers)
        if item.weekdays is not None
    ]
    for path, days in given:
        if len(set(days)) > regime.days:
            document.report(
                path,
                _("{count} days a week are more than the {most} of the normal regime").format(
                    count=len(set(days)), most=regime.days
                ),
            )
    posts = {post.teleworker for post in fleet.posts}
    for index, item in enumerate(fleet.teleworkers):
        if regime.enforced and not regime.weekdays and item.weekdays is None and item.login in posts:
            document.report(
                ("teleworkers", index),
                _("the regime is enforced, and nothing says on which days {login} teleworks").format(login=item.login),
                _("give weekdays here, or under regime for everybody"),
            )
