"""One module a source format; each turns files into canonical event batches (`jaxmm.data.schema`)."""
