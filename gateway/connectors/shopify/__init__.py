"""Shopify: orders, tags, cancellations, refunds, inventory and draft orders."""
