"""What local language models share: loading, prefixes, sampling, option scores."""
