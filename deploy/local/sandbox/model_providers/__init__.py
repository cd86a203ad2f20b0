"""OpenAI's and Anthropic's wire formats around the one stand-in model."""
