"""HubSpot's CRM, read only: the deal and the company of calls whose own record does not tell them.

HubSpot's ways are dealt with here (every value is text, 207 for a part of what was asked, three kinds of 429), and nowhere else.
"""
