//! Numbers that nobody can foresee, good enough for jitter and for nothing else.

use std::hash::{BuildHasher, RandomState};

/// 64 random bits: every `RandomState` has its own keys.
pub fn bits() -> u64 {
    RandomState::new().hash_one(0)
}

/// A number from 0 up to 1.
pub fn unit() -> f64 {
    f64::from((bits() >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_differ_and_use_all_bits() {
        let numbers: Vec<u64> = (0..64).map(|_| bits()).collect();
        assert_eq!(numbers.iter().fold(0, |all, number| all | number), u64::MAX);
        assert_eq!(numbers.iter().fold(u64::MAX, |all, number| all & number), 0);
        assert!((0..64).map(|_| unit()).all(|number| (0.0..=1.0).contains(&number)));
    }
}
