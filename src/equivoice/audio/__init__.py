"""Sound: decoding, log-mel and statistics, acoustic measures, synthesis."""

from equivoice.audio.decode import AudioInfo, content_hash, decode, probe

__all__ = ["AudioInfo", "content_hash", "decode", "probe"]
