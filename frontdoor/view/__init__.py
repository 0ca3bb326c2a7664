"""What may be looked at: the status page and the gauges."""
