"""What passes through the layers: one pass watched, unit by unit and layer by layer, in train and in eval mode."""
