"""Worker processes, each with a device and loaded engines, and the pool that runs them."""
