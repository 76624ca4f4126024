"""Schemes that data cannot say: each is checked by a module of its own."""

from webhooks.schemes.base import Scheme

CODE: tuple[Scheme, ...] = ()
