//! Repeatable randomness for the simulator (splitmix64): the same seed gives the same tenant.

/// A splitmix64 generator.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A separate generator for one thing, from the seed, the thing's name and a purpose.
    pub(crate) fn of(seed: u64, name: &str, purpose: &str) -> Self {
        Self::new(seed ^ hash(name) ^ hash(purpose).rotate_left(17))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("usize fits u64");
        usize::try_from(self.next() % bound).expect("smaller than a usize")
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).expect("low <= high") + 1;
        low + i64::try_from(self.next() % span).expect("within an i64 span")
    }

    /// A count in `0..=high`.
    pub(crate) fn count(&mut self, high: u32) -> u32 {
        u32::try_from(self.between(0, i64::from(high))).expect("at most a u32")
    }

    /// True `percent` times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    /// An index below `bound`, with a preference for small ones, as sizes of real things have.
    pub(crate) fn skewed(&mut self, bound: usize) -> usize {
        let first = self.below(bound);
        let second = self.below(bound);
        let third = self.below(first.min(second) + 1);
        if self.percent(30) { first } else { third }
    }

    /// `length` hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        (0..length).map(|_| char::from(*self.pick(DIGITS))).collect()
    }

    pub(crate) fn uuid(&mut self) -> String {
        let digits = self.hex(32);
        format!("{}-{}-3{}-b{}-{}", &digits[0..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32])
    }
}

/// FNV-1a, good enough to distinguish names.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn same_seed_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.next(), random.uuid(), random.skewed(50))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut random = Random::new(1);
        for _ in 0..1000 {
            assert!(random.below(3) < 3);
            assert!((-2..=2).contains(&random.between(-2, 2)));
            assert!(random.skewed(5) < 5);
        }
        assert_eq!(random.uuid().len(), 36);
    }
}
