"""Discord: messages of a bot, and incoming webhooks."""
