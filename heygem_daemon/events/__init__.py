"""What the log says: every event has a stable name, typed fields and a sentence."""
