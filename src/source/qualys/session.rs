//! One Qualys account's calls, over the session that every vendor has.

use super::login::Login;
use crate::session;

pub(super) use session::Listing;

/// The calls of one account.
pub(super) type Session = session::Session<Login>;
