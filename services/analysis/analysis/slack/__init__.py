"""Slack: what a grant of it holds, what is posted, and the methods that are called."""
