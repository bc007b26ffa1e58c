"""The same abilities without a screen: for scripts, monitoring, and people in a hurry."""
