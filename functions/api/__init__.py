"""The front door: users ask for uploads, look what became of them, and fetch thumbnails, without credentials of AWS."""
