"""The engine's side: exchanges over pooled connections, and how it is."""
