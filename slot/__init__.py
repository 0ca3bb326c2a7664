"""One host, one engine, one model: the slot's profiles, its supervisor and the commands of its admin."""
