"""What to do about what was read: decisions, as values. May not: do any of it, or ask for the time."""
