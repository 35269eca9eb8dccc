"""Whether every source object has its thumbnails and every thumbnail its source: the buckets against the catalog."""
