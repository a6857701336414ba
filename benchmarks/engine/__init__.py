"""What the engine costs around a model: the same small job, Kafka to Kafka, by each contestant."""
