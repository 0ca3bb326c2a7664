"""How the slot becomes a service: what lies where on a host, and what brings it there or takes it away again."""
