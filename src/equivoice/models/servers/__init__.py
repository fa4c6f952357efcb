"""Language models behind a server."""

from equivoice.models.servers.openai_server import OpenAIServer, Reach, SaidWithLogprob

__all__ = ["OpenAIServer", "Reach", "SaidWithLogprob"]
