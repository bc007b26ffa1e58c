"""The pieces screens are made of. Each module is one widget; import the module that has it (nothing is imported here, so that a
screen pays only for what it shows)."""
