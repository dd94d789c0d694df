"""The processes that own a device and a resident engine, and the wire to them."""
