"""A client's side of HTTP: heads, bodies, connections."""
