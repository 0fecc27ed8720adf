"""The compiled kernel of spectra."""
