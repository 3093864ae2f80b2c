"""Endpoints that reach only what mends them until they are mended: who, why, told to the gateway and to the user."""
