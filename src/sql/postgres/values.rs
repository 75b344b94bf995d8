//! Which literal a value of PostgreSQL is, by the type of its column and its text.

use ::postgres::types::{Kind, Type};

use super::super::{
    database::Cell,
    natural::{BOOLEAN, DATE, DATE_TIME, DECIMAL, DOUBLE, HEX, INTEGER, Natural, TIME, double},
};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    Boolean,
    Integer,
    Decimal,
    Double,
    Date,
    Time,
    DateTime,
    Bytes,
    Text,
}

impl Values {
    /// Those of a type.
    ///
    /// # Errors
    /// With the name of a type whose values are no single ones.
    pub(super) fn of(kind: &Type) -> Result<Self, String> {
        match kind.kind() {
            Kind::Domain(of) => return Self::of(of),
            Kind::Array(of) => return Err(format!("{}[]", of.name())),
            Kind::Composite(_) | Kind::Range(_) | Kind::Multirange(_) => {
                return Err(kind.name().to_owned());
            }
            _ => {}
        }
        Ok(match *kind {
            Type::BOOL => Self::Boolean,
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Self::Integer,
            Type::NUMERIC => Self::Decimal,
            Type::FLOAT4 | Type::FLOAT8 => Self::Double,
            Type::DATE => Self::Date,
            Type::TIME | Type::TIMETZ => Self::Time,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::DateTime,
            Type::BYTEA => Self::Bytes,
            Type::RECORD | Type::INT2_VECTOR | Type::OID_VECTOR => {
                return Err(kind.name().to_owned());
            }
            _ => Self::Text,
        })
    }

    fn natural(self, text: String) -> Cell {
        let typed =
            |lexical: String, datatype| Ok(Some(Natural { lexical, datatype: Some(datatype) }));
        match self {
            Self::Text => Ok(Some(Natural { lexical: text, datatype: None })),
            Self::Boolean => typed(if text == "t" { "true" } else { "false" }.to_owned(), BOOLEAN),
            Self::Integer => typed(text, INTEGER),
            Self::Decimal if text.bytes().all(|byte| b"+-.0123456789".contains(&byte)) => {
                typed(decimal(&text), DECIMAL)
            }
            Self::Decimal => Err(format!("has {text}, which is no decimal number")),
            Self::Double => match text.parse() {
                Ok(number) => typed(double(number), DOUBLE),
                Err(_) => Err(format!("has {text}, which is no number")),
            },
            Self::Date | Self::DateTime if !is_moment(&text) => {
                Err(format!("has {text}, which is no time that XML Schema has a form for"))
            }
            Self::Date => typed(text, DATE),
            Self::Time => typed(with_zone(&text), TIME),
            Self::DateTime => typed(with_zone(&text.replacen(' ', "T", 1)), DATE_TIME),
            Self::Bytes => match text.strip_prefix("\\x") {
                Some(digits) => typed(digits.to_ascii_uppercase(), HEX),
                None => Err("has bytes that are not in hexadecimal".to_owned()),
            },
        }
    }
}

/// A field as `COPY` writes it.
pub(super) fn cell(field: &[u8], kind: Option<Values>) -> Cell {
    if field == b"\\N" {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == &b'\\') {
            (_, true) => match rest.next() {
                Some(b'b') => 8,
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'v') => 11,
                Some(b'f') => 12,
                Some(b'r') => b'\r',
                Some(other) => *other,
                None => b'\\',
            },
            (byte, false) => *byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| "has a text that is not UTF-8".to_owned())?;
    match kind {
        Some(kind) => kind.natural(text),
        None => Err("has a value that is none of a single one".to_owned()),
    }
}

/// The canonical form of a decimal number.
fn decimal(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, part)) => match part.trim_end_matches('0') {
            "" => whole.to_owned(),
            part => format!("{whole}.{part}"),
        },
        None => text.to_owned(),
    }
}

/// Whether a date is one of the common era, and not beyond all times.
fn is_moment(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with("BC")
}

/// With a time zone as XML Schema has it: `+00` is `Z`, `+02` is `+02:00`.
fn with_zone(text: &str) -> String {
    let time = text.find('T').map_or(0, |at| at + 1);
    match text[time..].find(['+', '-']) {
        Some(at)
            if text[time + at..]
                .trim_start_matches(['+', '-'])
                .bytes()
                .all(|b| b"0:".contains(&b)) =>
        {
            format!("{}Z", &text[..time + at])
        }
        Some(at) if !text[time + at..].contains(':') => format!("{text}:00"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(field: &str, kind: &Type) -> String {
        match cell(field.as_bytes(), Values::of(kind).ok()) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(natural)) => {
                let datatype = natural.datatype.map_or("", |iri| iri.rsplit('#').next().unwrap());
                format!("{} {datatype}", natural.lexical)
            }
            Err(why) => format!("column {why}"),
        }
    }

    #[test]
    fn values_have_the_forms_of_xml_schema() {
        for (field, kind, expected) in [
            ("\\N", Type::INT4, "nothing"),
            ("-7", Type::INT2, "-7 integer"),
            ("t", Type::BOOL, "true boolean"),
            ("f", Type::BOOL, "false boolean"),
            ("30.00", Type::NUMERIC, "30 decimal"),
            ("-30.50", Type::NUMERIC, "-30.5 decimal"),
            ("100", Type::NUMERIC, "100 decimal"),
            ("NaN", Type::NUMERIC, "column has NaN, which is no decimal number"),
            ("80.25", Type::FLOAT4, "8.025E1 double"),
            ("1e+20", Type::FLOAT8, "1.0E20 double"),
            ("-Infinity", Type::FLOAT8, "-INF double"),
            ("NaN", Type::FLOAT8, "NaN double"),
            ("2009-10-10", Type::DATE, "2009-10-10 date"),
            (
                "0044-03-15 BC",
                Type::DATE,
                "column has 0044-03-15 BC, which is no time that XML Schema has a form for",
            ),
            (
                "infinity",
                Type::TIMESTAMP,
                "column has infinity, which is no time that XML Schema has a form for",
            ),
            ("2009-10-10 12:12:22.5", Type::TIMESTAMP, "2009-10-10T12:12:22.5 dateTime"),
            ("2009-10-10 12:12:22+00", Type::TIMESTAMPTZ, "2009-10-10T12:12:22Z dateTime"),
            ("12:12:22", Type::TIME, "12:12:22 time"),
            ("12:12:22+02", Type::TIMETZ, "12:12:22+02:00 time"),
            ("12:12:22-05:30", Type::TIMETZ, "12:12:22-05:30 time"),
            ("12:12:22-00", Type::TIMETZ, "12:12:22Z time"),
            ("\\\\x890a", Type::BYTEA, "890A hexBinary"),
            ("a\\tb\\\\\\nc", Type::TEXT, "a\tb\\\nc "),
            ("ab   ", Type::BPCHAR, "ab    "),
            ("{1,2}", Type::INT4_ARRAY, "column has a value that is none of a single one"),
        ] {
            assert_eq!(said(field, &kind), expected, "{field:?} in {kind}");
        }
        for kind in [Type::TEXT_ARRAY, Type::INT4_RANGE, Type::RECORD] {
            assert!(Values::of(&kind).is_err(), "{kind}");
        }
        assert_eq!(Values::of(&Type::TEXT_ARRAY), Err("text[]".to_owned()));
    }
}
