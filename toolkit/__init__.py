"""Nomade: telework posts for town halls, provisioned and audited."""

__version__ = "0.1.0"
