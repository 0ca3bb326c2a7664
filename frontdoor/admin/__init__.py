"""What an admin may say while it runs."""
