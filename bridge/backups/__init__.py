"""Backup and restore: one file of an installation, made while it runs, and put back whole or not at all."""


class BackupFault(Exception):
    """A backup cannot be made or put back; the sentence says why and what to do. Nothing was changed."""
