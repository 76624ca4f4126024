"""GitHub: issues, comments, labels, reviews, merges, workflows and files."""
