"""A second opinion on the module: that of moto's server, another emulator than the local stack's."""
