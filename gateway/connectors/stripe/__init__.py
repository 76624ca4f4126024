"""Stripe: refunds, captures and cancellations of payments."""
