"""What is shown of one batch and one net, as plain numbers and arrays: probes fill it, `render` draws it."""
