"""The hot path: receive, verify, store in groups, answer."""

from webhooks.ingest.app import Intake

__all__ = ["Intake"]
