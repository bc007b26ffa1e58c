"""How a database of any past version becomes one of this version, and back.

Promise: a landed revision is never edited, so nothing here imports the program: types, words and rules are spelled out as they were
when the revision landed. `storage.upgrading` runs the chain; nothing else does.
"""
