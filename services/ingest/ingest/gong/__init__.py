"""Gong's API version 2, read only: lists of calls with their context, and transcripts.

Gong's ways are dealt with here (cursor in the body, 404 for nothing found, CRM fields under each CRM's own names), and nowhere else.
"""
