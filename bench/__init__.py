"""What is measured, and against what.

Promise: every figure comes from the program's own code on real databases, real terminals and real processes; what is compared with
something else is measured interleaved with it, in one run, and told as a ratio, because milliseconds belong to a machine and ratios
travel. Nothing of the program imports this room.
"""
