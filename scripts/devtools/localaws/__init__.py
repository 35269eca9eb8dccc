"""The whole pipeline on one machine: an AWS emulator, an X-Ray collector and the real Terraform."""
