"""What others decide while the frontdoor runs."""
