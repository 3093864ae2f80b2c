"""Peers of a commune's gateway: who they are, shutting one out, giving one another key."""
