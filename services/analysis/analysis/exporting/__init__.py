"""A report as a file: PDF, DOCX, CSV of its findings, JSON.

`formats` says what there is, `press` has a file made by a process of its own (`python -m analysis.exporting`), `outline` is what PDF and
DOCX both print, and each of the other modules makes one format. `links` are the addresses under which files are handed out.

What is in a report was written by customers and by models. It reaches the makers as values, never as a part of a program: no text is put
into typst or XML source, and the process that makes the file holds no credential and may write no file.

This package's own modules import nothing of the web framework: the process that makes a file starts in a tenth of a second without it.
"""
