"""This version beside the previous release: schemas, statements, messages. Whole services side by side are `make prove P=redeploy`."""
