"""`make acceptance`: an instance with everything on is applied, tried and destroyed, in an account or the emulator."""
