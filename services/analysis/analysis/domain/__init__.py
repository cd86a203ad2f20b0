"""The rules of analysis, without I/O: what may be asked, what counts as a quote, how findings become a report."""
