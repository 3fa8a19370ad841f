"""The layers that read the inputs, as filters, and whether they hold more than noise."""
