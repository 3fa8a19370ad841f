"""What goes into a model: taken as it is fed, read back, measured, and how it was scaled."""
