"""Slack: what a grant of it holds, and the one method that is called."""
