"""What the daemon tells people: status, and the report of every result."""
