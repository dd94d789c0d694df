"""The doctor: checks whether this machine can do the work, with a remedy for each problem."""
