"""A watch-folder daemon that turns an audio file and a face video into a lip-synced video."""

__version__ = "0.1.0"
