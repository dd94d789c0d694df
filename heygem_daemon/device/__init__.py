"""The compute device: batch sizes, memory, number types, weights, errors of torch."""
