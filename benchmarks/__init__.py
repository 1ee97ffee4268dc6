"""Speed, measured against the loops that the field writes, with the answers beside the times."""
