"""What rows hold: columns, the kind of each, and the axes that can be measured of an example."""
