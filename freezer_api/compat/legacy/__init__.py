"""Import of documents that the original service stored: read, repair, and write to the store."""
