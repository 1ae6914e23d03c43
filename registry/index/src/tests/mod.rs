//! Indexes that are written and read, and attacks on them.

mod attacks;
mod property;
mod reading;
mod sites;
mod support;
mod writing;
