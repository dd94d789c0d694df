"""Several machines: each renders with its own workers for the one daemon that owns the spool."""
