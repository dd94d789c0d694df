"""The daemon's service: its main loop and the parts that each step of the loop uses."""
