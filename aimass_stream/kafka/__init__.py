"""Kafka: the only room, with app, that imports faust or aiokafka."""
