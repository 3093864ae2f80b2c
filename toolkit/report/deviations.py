"""Where the product knowingly does something else than the doctrine, and why; printed in every report."""

from __future__ import annotations

from toolkit.report.model import Deviation
from toolkit.report.wording import translator


def deviations(language: str, windows: int = 0) -> tuple[Deviation, ...]:
    """Return the accepted deviations in one language; `windows`: how many office PCs run it."""
    _ = translator(language)
    unmanaged = Deviation(
        "windows-office-pcs",
        _("Office PCs with Windows: {count}").format(count=windows),
        _("Every machine that telework relies on is hardened and checked."),
        _(
            "Nomade lets their teleworkers reach and wake them, and does nothing else on them: updates, passwords, "
            "locked screens and backups are somebody else’s to see to, and this report does not speak of them."
        ),
    )
    return (
        *((unmanaged,) if windows else ()),
        Deviation(
            "wireguard",
            _("The tunnel uses WireGuard"),
            _("ANSSI's guide on nomadic work names IPsec, or TLS for lesser needs."),
            _(
                "WireGuard is part of the Linux kernel and has few settings to get wrong. "
                "The commune accepts this difference knowingly, or asks for another tunnel."
            ),
        ),
        Deviation(
            "password-expiry",
            _("Passwords of teleworkers expire"),
            _("ANSSI no longer recommends regular expiry for standard accounts that are otherwise well protected."),
            _("The insurance contract asks for regular changes. The period is a setting and can be switched off."),
        ),
    )
