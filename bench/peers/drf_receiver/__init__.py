"""The typical Django receiver: a REST framework view, `get_or_create`, one message a request.

Durable and deduplicating, like Countersign; written as guides show it, with Django's default
middleware and connection settings, and a dramatiq queue on the same Redis.
"""
