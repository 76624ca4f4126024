"""Slack: messages of a bot, and incoming webhooks."""
