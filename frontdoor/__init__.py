"""The LAN's door to one engine: who may generate now, and the bytes in between."""
