"""Requests to addresses that people typed.

Owns: nothing.
Offers: `guarding`: `check_url`, `guarded_client`, `ForbiddenAddress`.
Listens to: nothing.
"""
