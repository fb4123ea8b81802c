"""Examples and a base model come in; a tuned model that was checked, with its lineage, goes out."""
