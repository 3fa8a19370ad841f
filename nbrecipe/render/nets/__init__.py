"""What a model holds and does: filters, activations, dependencies, gradients, what is frozen."""
