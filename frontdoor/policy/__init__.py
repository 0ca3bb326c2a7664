"""What a body may ask for."""
