"""The same example, drawn many times: what varies, by how much, and whether all of it moves together."""
