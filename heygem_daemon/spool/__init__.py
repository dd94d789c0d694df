"""The folders that hold the state of every job; all that renames a user's file."""
