"""Who may ask, and who is asking."""
