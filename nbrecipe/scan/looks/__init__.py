"""What a scan says of the data: rows that stand apart or hold nothing, splits that differ, bytes that wrapped."""
