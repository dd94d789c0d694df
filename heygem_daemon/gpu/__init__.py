"""NVML readings, placement decisions, evidence."""
