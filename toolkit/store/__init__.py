"""What audits found, kept: SQLite by default, any SQLAlchemy URL later."""

from __future__ import annotations

from toolkit.store.state import CommuneState, EndpointState
from toolkit.store.store import Store, StoreError, open_store

__all__ = ["CommuneState", "EndpointState", "Store", "StoreError", "open_store"]
