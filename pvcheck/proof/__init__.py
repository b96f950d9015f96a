"""Proofs for any number of threads and any sizes, by Z3. What they rest on: pvcheck/docs/proofs.md."""
