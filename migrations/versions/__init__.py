"""The revisions, oldest first: `rNNNN_what_it_does.py`, revision id `NNNN`."""
