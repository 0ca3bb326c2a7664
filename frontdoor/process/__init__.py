"""How the process starts, hands over and ends."""
