"""The function that answers devices: each asks for uploads by MQTT, and hears what became of them."""
