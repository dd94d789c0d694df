"""The supervisor's loop: scan, settle, claim, place, render, publish, purge."""
