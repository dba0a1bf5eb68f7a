"""Support for the names and the data of older releases: paste files (:mod:`paste`), databases (:mod:`legacy`)."""
