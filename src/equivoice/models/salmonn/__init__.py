"""SALMONN: Whisper's encoder and BEATs, a Q-Former over windows, and LLaMA or Vicuna.

The parts (:mod:`~equivoice.models.salmonn.filter_bank`, :mod:`~equivoice.models.salmonn.beats`,
:mod:`~equivoice.models.salmonn.windows`, :mod:`~equivoice.models.salmonn.model`), the names of
the published checkpoints (:mod:`~equivoice.models.salmonn.keys`) and their conversion
(:mod:`~equivoice.models.salmonn.convert`). The system that answers questions is
:mod:`equivoice.models.speech_llms.salmonn`; the one that classifies,
:mod:`equivoice.models.salmonn.classifier`.
"""
