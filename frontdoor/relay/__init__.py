"""A request's way to the engine, and its answer's way back."""
