"""Builds what a release consists of: archives, inventories, the module, thumbctl, notes and checksums."""
