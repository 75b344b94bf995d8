//! The natural mapping of R2RML: a value of a database as a literal. What is which is for each kind of database to say.

/// A value written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Natural {
    pub(super) lexical: String,
    /// Its type; a text has none.
    pub(super) datatype: Option<&'static str>,
}

pub(super) const BOOLEAN: &str = "http://www.w3.org/2001/XMLSchema#boolean";
pub(super) const DATE: &str = "http://www.w3.org/2001/XMLSchema#date";
pub(super) const TIME: &str = "http://www.w3.org/2001/XMLSchema#time";
pub(super) const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema#dateTime";
pub(super) const DECIMAL: &str = "http://www.w3.org/2001/XMLSchema#decimal";
pub(super) const INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";
pub(super) const DOUBLE: &str = "http://www.w3.org/2001/XMLSchema#double";
pub(super) const HEX: &str = "http://www.w3.org/2001/XMLSchema#hexBinary";

/// The canonical form of `xsd:double`.
pub(super) fn double(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => text,
    }
}

/// The canonical form of `xsd:hexBinary`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
