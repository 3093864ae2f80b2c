"""Where the product knowingly does something else than the doctrine, and why; printed in every report."""

from __future__ import annotations

from toolkit.report.model import Deviation
from toolkit.report.wording import translator


def deviations(language: str) -> tuple[Deviation, ...]:
    """Return the accepted deviations in one language."""
    _ = translator(language)
    return (
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
