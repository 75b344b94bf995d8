//! The number that a store's format has.

/// What the `format` file of a store says that this program reads and writes.
pub const FORMAT: &str = "kledger 3";

/// Whether there are steps from this format to the program's.
pub(super) fn is_older(format: &str) -> bool {
    let (number, newest) = (number(format), number(FORMAT));
    number.is_some_and(|number| number >= 1) && number < newest
}

/// The number in `kledger N`.
pub(super) fn number(format: &str) -> Option<u32> {
    let number = format.strip_prefix("kledger ")?;
    number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)
}
