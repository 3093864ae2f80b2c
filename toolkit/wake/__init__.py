"""Waking office PCs by a magic packet that the gateway sends on the office network."""
