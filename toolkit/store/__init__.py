"""What audits found, kept: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from toolkit.store.engine import StoreError
from toolkit.store.state import CommuneState, EndpointState, Seen
from toolkit.store.store import Recording, Store, open_store

__all__ = ["CommuneState", "EndpointState", "Recording", "Seen", "Store", "StoreError", "open_store"]
