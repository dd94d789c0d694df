"""Batches: a folder dropped as a whole, its members rendered one by one."""
