"""Loading data: files, frames, folders, arrays and datasets of other libraries, as `Data`."""
