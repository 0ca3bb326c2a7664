"""Which request may run now."""
