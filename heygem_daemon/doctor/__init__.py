"""The doctor: is this machine fit for the work? Findings, each with a remedy."""
