"""What a person has, opened as rows: arrays, data sets and loaders, frames, files, folders."""
