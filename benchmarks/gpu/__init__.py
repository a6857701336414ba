"""How full a GPU is kept: the scorer without Kafka, beside the same model with all at hand."""
