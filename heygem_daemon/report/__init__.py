"""What the daemon writes for people and scripts: its status, its metrics, a report per result."""
