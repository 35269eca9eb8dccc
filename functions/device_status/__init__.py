"""The function that brings devices word of their images: from completion events on the bus to topics of MQTT."""
