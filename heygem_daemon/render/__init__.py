"""The chunked job: timeline, chunks, composite, join."""
