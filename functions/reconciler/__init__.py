"""The scheduled function that compares the buckets with the catalog: has every source its thumbnails, and no more?"""
