//! The calls of one Qualys account, over the session that all vendors share.

use super::login::Login;
use crate::session;

pub(super) use session::Listing;

/// The calls of one account.
pub(super) type Session = session::Session<Login>;
