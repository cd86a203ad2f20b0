"""Who changes what, and which entry of the audit log tells of it: declared in `register`, found in the code by `ways_in` and `code`."""
