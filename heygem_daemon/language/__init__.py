"""What people read, in their language: gettext catalogues, and a translator for each language."""
