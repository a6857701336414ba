"""The running engine between Kafka and the models: processes, frames, scoring, outcomes."""
