"""Answers for an installer: what makes one laptop of the fleet anew, encrypted, in French, ready to be enrolled."""

from __future__ import annotations

from toolkit.install_media.media import Medium, prepare, write

__all__ = ["Medium", "prepare", "write"]
