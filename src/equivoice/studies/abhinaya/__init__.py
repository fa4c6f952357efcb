"""Parts of the study of ABHINAYA."""
