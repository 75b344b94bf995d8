//! Which literal a value of SQLite is.
//!
//! In SQLite each value has a type of its own, and what a column is declared as is a wish. A value that is what its column
//! is declared as is a literal of that type; another one is what it is by itself, a number, a text or bytes.

use std::sync::LazyLock;

use jiff::civil;
use regex::Regex;
use rusqlite::types::ValueRef;

use super::super::natural::{
    BOOLEAN, DATE, DATE_TIME, DECIMAL, DOUBLE, HEX, INTEGER, Natural, TIME, double, hex,
};

/// What a column is declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Declared {
    Boolean,
    Date,
    Time,
    DateTime,
    Decimal,
    /// Anything that needs no other look than at the value.
    Other,
}

impl Declared {
    /// By the words in `CREATE TABLE`, which may be any.
    pub(in crate::sql) fn of(words: Option<&str>) -> Self {
        let words = words.unwrap_or_default().to_ascii_uppercase();
        let name = words.split('(').next().unwrap_or_default().trim();
        if name.starts_with("BOOL") {
            Self::Boolean
        } else if name.starts_with("TIMESTAMP") || name.starts_with("DATETIME") {
            Self::DateTime
        } else if name.starts_with("DATE") {
            Self::Date
        } else if name.starts_with("TIME") {
            Self::Time
        } else if name.starts_with("DEC") || name.starts_with("NUMERIC") {
            Self::Decimal
        } else {
            Self::Other
        }
    }
}

static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(\d{4}-\d\d-\d\d)(?:[ T]|$))?(?:(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?)?$")
        .expect("because it is a regular expression")
});

/// What a value is; nothing where it is NULL.
///
/// # Errors
/// Where a text is not UTF-8.
pub(in crate::sql) fn natural(
    value: ValueRef<'_>,
    declared: Declared,
) -> Result<Option<Natural>, String> {
    let typed = |lexical, datatype| Ok(Some(Natural { lexical, datatype: Some(datatype) }));
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => match declared {
            Declared::Boolean if number == 0 => typed("false".to_owned(), BOOLEAN),
            Declared::Boolean if number == 1 => typed("true".to_owned(), BOOLEAN),
            Declared::Decimal => typed(number.to_string(), DECIMAL),
            _ => typed(number.to_string(), INTEGER),
        },
        ValueRef::Real(number) if declared == Declared::Decimal && number.is_finite() => {
            typed(number.to_string(), DECIMAL)
        }
        ValueRef::Real(number) => typed(double(number), DOUBLE),
        ValueRef::Blob(bytes) => typed(hex(bytes), HEX),
        ValueRef::Text(bytes) => {
            let text =
                str::from_utf8(bytes).map_err(|_| "has a text that is not UTF-8".to_owned())?;
            Ok(Some(of_text(text, declared)))
        }
    }
}

fn of_text(text: &str, declared: Declared) -> Natural {
    let typed = |lexical: String, datatype| Natural { lexical, datatype: Some(datatype) };
    let plain = || Natural { lexical: text.to_owned(), datatype: None };
    match declared {
        Declared::Boolean => match text.to_ascii_lowercase().as_str() {
            "t" | "true" => typed("true".to_owned(), BOOLEAN),
            "f" | "false" => typed("false".to_owned(), BOOLEAN),
            _ => plain(),
        },
        Declared::Date | Declared::Time | Declared::DateTime => {
            let Some(parts) = MOMENT.captures(text) else { return plain() };
            let date = parts.get(1).map(|date| date.as_str());
            let time = parts.get(2).map(|time| time.as_str());
            let is_date = date.is_none_or(|date| date.parse::<civil::Date>().is_ok());
            let is_time = time.is_none_or(|time| time.parse::<civil::Time>().is_ok());
            match (declared, date, time) {
                _ if !is_date || !is_time => plain(),
                (Declared::Date, Some(_), None) => typed(text.to_owned(), DATE),
                (Declared::Time, None, Some(_)) => typed(text.to_owned(), TIME),
                (Declared::DateTime, Some(_), Some(_)) => {
                    typed(text.replacen(' ', "T", 1), DATE_TIME)
                }
                _ => plain(),
            }
        }
        Declared::Decimal | Declared::Other => plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: ValueRef<'_>, words: &str) -> String {
        let natural = natural(value, Declared::of(Some(words))).unwrap();
        natural.map_or_else(
            || "nothing".to_owned(),
            |natural| {
                let datatype = natural.datatype.map_or("", |iri| iri.rsplit('#').next().unwrap());
                format!("{} {datatype}", natural.lexical)
            },
        )
    }

    #[test]
    fn values_are_what_they_are_declared_as_if_they_can_be() {
        use ValueRef::{Blob, Integer, Null, Real, Text};
        for (value, words, expected) in [
            (Null, "INTEGER", "nothing"),
            (Integer(-7), "INTEGER", "-7 integer"),
            (Integer(1), "BOOLEAN", "true boolean"),
            (Integer(2), "BOOLEAN", "2 integer"),
            (Text(b"F"), "bool", "false boolean"),
            (Text(b"maybe"), "BOOLEAN", "maybe "),
            (Integer(30), "DECIMAL(10,2)", "30 decimal"),
            (Real(30.5), "NUMERIC", "30.5 decimal"),
            (Real(30.0), "FLOAT", "3.0E1 double"),
            (Real(80.25), "", "8.025E1 double"),
            (Real(-1e-7), "REAL", "-1.0E-7 double"),
            (Real(f64::INFINITY), "REAL", "INF double"),
            (Text(b"abc"), "INTEGER", "abc "),
            (Text(b"2009-10-10"), "DATE", "2009-10-10 date"),
            (Text(b"2009-02-30"), "DATE", "2009-02-30 "),
            (Text(b"2009-10-10 12:12:22"), "DATE", "2009-10-10 12:12:22 "),
            (Text(b"2009-10-10 12:12:22"), "TIMESTAMP", "2009-10-10T12:12:22 dateTime"),
            (Text(b"2009-10-10T12:12:22.5Z"), "datetime", "2009-10-10T12:12:22.5Z dateTime"),
            (Text(b"2009-10-10 25:12:22"), "TIMESTAMP", "2009-10-10 25:12:22 "),
            (Text(b"12:12:22+01:00"), "TIME", "12:12:22+01:00 time"),
            (Text(b""), "DATE", " "),
            (Blob(b"\x89\x0a"), "VARBINARY(2)", "890A hexBinary"),
        ] {
            assert_eq!(said(value, words), expected, "{value:?} in {words}");
        }
        assert!(natural(Text(b"\xff"), Declared::Other).is_err());
    }
}
