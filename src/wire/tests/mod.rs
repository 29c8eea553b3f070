//! Values, fields and rows.

mod document;
mod field;
mod scalar;
mod time;
