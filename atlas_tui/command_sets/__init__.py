"""The commands there are, one module for each topic; `atlas_tui.commands` puts them together. Nothing is imported here."""
