"""What is kept of a request: while it runs, in the log, in the counts."""
