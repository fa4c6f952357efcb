"""Speech LLMs that run on this machine, one file a family."""
