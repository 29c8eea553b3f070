//! What the boards and rules are held to.

mod current;
