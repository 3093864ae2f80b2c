"""What a fleet file says of quarantine, and what its parts must agree on."""

from __future__ import annotations

from datetime import date

from toolkit.fleet.document import Document
from toolkit.fleet.model import Fleet
from toolkit.i18n import _

# A deviation that lasts longer is an accepted one: `nomade waiver`.
LONGEST_RELEASE_DAYS = 31


def check(document: Document, fleet: Fleet) -> None:
    """Add to `document` what is wrong: nothing to mend with, and releases that are none."""
    if fleet.quarantine and not any(item.maintenance for item in fleet.applications):
        document.report(
            ("quarantine",),
            _("an endpoint in quarantine could not even be mended: no application is of maintenance"),
            _("write maintenance: true on what brings updates (package depot, name server)"),
        )
    names = {endpoint.name for endpoint in fleet.endpoints} | {gone.name for gone in fleet.retired}
    for index, item in enumerate(fleet.quarantine_releases):
        if item.endpoint not in names:
            document.report(
                ("quarantine_releases", index, "endpoint"),
                _("“{value}” is not declared in fleet.yml").format(value=item.endpoint),
            )
        days = (date.fromisoformat(item.until) - date.fromisoformat(item.date)).days
        if not 0 <= days <= LONGEST_RELEASE_DAYS:
            document.report(
                ("quarantine_releases", index, "until"),
                _("a release lasts at most {days} days").format(days=LONGEST_RELEASE_DAYS),
                _("accept the failure for longer with “nomade waiver add”"),
            )
