"""What the command line takes, one module for each topic; docs/commands.md is generated from it. Nothing is imported here."""
