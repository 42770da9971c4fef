"""The revisions. Each is frozen once it is released: it knows nothing of the models, which go on."""
