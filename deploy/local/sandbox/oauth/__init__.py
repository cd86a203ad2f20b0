"""OAuth as Gong, HubSpot and Slack run it: registered clients, a consent page, codes, and tokens in families."""
