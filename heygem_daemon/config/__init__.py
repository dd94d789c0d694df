"""Settings, job options and sidecars: what operators and users may choose."""
