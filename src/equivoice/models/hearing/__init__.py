"""What local speech LLMs share: clips, log-mel, trimmed encoders, chat, prompts with sound."""
