"""Loading: files, folders, frames, arrays and datasets of other libraries become `Data`."""
