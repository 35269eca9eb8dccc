"""The function that AWS IoT asks before it gives a device a certificate of its own (fleet provisioning by claim)."""
