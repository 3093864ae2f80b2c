"""Keys in escrow: what is kept and for whom, opening one, writing down who did, having it replaced, proving the lot."""

from __future__ import annotations

from toolkit.escrow.deposits import Deposit, deposits, facts

__all__ = ["Deposit", "deposits", "facts"]
