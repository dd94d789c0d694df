"""Batches: folders that are dropped as a whole and whose members are rendered one by one."""
