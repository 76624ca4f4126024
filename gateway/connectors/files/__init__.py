"""Files: objects of S3-compatible stores, and uploads to workspaces."""
