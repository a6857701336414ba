"""How full a device is kept: Kafka to Kafka through a model process pinned to one core."""
