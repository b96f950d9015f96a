"""Engines that ask a solver instead of visiting states."""
