"""What is out of date, told from records: nothing is booted for it."""
