"""What flows: the record types and names of the topics, one file per modality."""
