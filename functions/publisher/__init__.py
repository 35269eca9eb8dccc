"""The function that announces what becomes of images: from the catalog's stream to a bus, or to another stream."""
