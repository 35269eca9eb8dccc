"""The thumbnailer: S3 events from a queue in, thumbnails and catalog rows out."""
