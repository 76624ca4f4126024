"""The halves of an execution that are not the call: what goes before it, and what comes of it."""
