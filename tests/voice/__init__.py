"""A voice turn from topic to topic: heard, understood, remembered, answered and spoken."""
