"""What the CLI prints: records as tables and paragraphs, and as plain data for programs."""
