"""The measurements: ours beside the alternative and the bound, in paired rounds. `python -m bench [name]`, or `make bench`."""
