"""The operating system: errors, memory, service manager, log, units."""
