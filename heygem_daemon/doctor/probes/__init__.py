"""Programs that the doctor runs as children: each prints one answer as JSON and may hang."""
