"""retention: which plan a workspace is on, what that entitles it to, and how long its reports stay visible.

It gives each new workspace the trial plan and tells all services of every change. Nothing is deleted by age: what is older than the window
is hidden where it is read. Not for: reading or hiding reports (analysis does, by what it was told here).
"""
