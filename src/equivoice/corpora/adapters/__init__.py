"""One module a corpus or format; adapters do not know each other."""
