"""Fine-tuning of the systems that Equivoice benchmarks, with a weight on the gap between groups."""
