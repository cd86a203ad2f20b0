"""The commands of docs/runbooks, for the tests that check and run them."""
