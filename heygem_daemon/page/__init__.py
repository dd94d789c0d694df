"""The status page of the share: what people without a login see of the daemon."""
