"""Whether what runs is what was approved: engines, accounts and inventories against the registry."""
