"""The sweep: asks every app for what is due and was forgotten."""

from approvals import services as approvals
from gateway import verifying
from gateway.budgets import services as budgets
from gateway.notices import services as notices
from gateway.outlets import services as outlets
from gateway.runs import services as runs
from webhooks import services as webhooks


def sweep() -> int:
    """Ring again for everything due in the whole deployment; how many rows that were."""
    acting = webhooks.sweep() + approvals.sweep() + runs.sweep() + budgets.sweep()
    return acting + notices.sweep() + outlets.sweep() + verifying.sweep()
