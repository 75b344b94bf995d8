//! Values in words: what a sentence says in the place of a date, a number or a quantity.
//!
//! A literal's type says which rule there is. Where there is none, the value is refused rather than read out as it is
//! written: nobody says `1879-03-14T00:00:00Z`.

use super::term::Literal;

const XSD: &str = "http://www.w3.org/2001/XMLSchema#";
const LANG_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
/// Quantities of DBpedia have their unit as type.
const UNIT: &str = "http://dbpedia.org/datatype/";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Units by the last part of their IRI, as one says one and several of them.
const UNITS: [(&str, &str, &str); 20] = [
    ("millimetre", "millimetre", "millimetres"),
    ("centimetre", "centimetre", "centimetres"),
    ("metre", "metre", "metres"),
    ("kilometre", "kilometre", "kilometres"),
    ("squareMetre", "square metre", "square metres"),
    ("squareKilometre", "square kilometre", "square kilometres"),
    ("cubicMetre", "cubic metre", "cubic metres"),
    ("cubicKilometre", "cubic kilometre", "cubic kilometres"),
    ("gram", "gram", "grams"),
    ("kilogram", "kilogram", "kilograms"),
    ("second", "second", "seconds"),
    ("minute", "minute", "minutes"),
    ("hour", "hour", "hours"),
    ("day", "day", "days"),
    ("kilometrePerHour", "kilometre per hour", "kilometres per hour"),
    ("degreeCelsius", "degree Celsius", "degrees Celsius"),
    ("kelvin", "kelvin", "kelvins"),
    ("watt", "watt", "watts"),
    ("euro", "euro", "euros"),
    ("usDollar", "US dollar", "US dollars"),
];

/// `literal` as a sentence in `language` says it; `None` where there is no rule for its type, or it is no value of
/// that type.
pub(crate) fn spoken(literal: &Literal, language: &str) -> Option<String> {
    let text = literal.lexical.trim();
    let datatype = literal.datatype.as_str();
    let english =
        language.eq_ignore_ascii_case("en") || language.to_ascii_lowercase().starts_with("en-");
    if datatype == LANG_STRING {
        return Some(text.to_owned());
    }
    if let Some(unit) = datatype.strip_prefix(UNIT) {
        return english.then(|| quantity(text, unit)).flatten();
    }
    match datatype.strip_prefix(XSD)? {
        "string" | "normalizedString" | "token" | "anyURI" => Some(text.to_owned()),
        "integer" | "int" | "long" | "short" | "byte" | "nonNegativeInteger"
        | "positiveInteger" | "nonPositiveInteger" | "negativeInteger" | "unsignedInt"
        | "unsignedLong" | "unsignedShort" | "unsignedByte" => {
            decimal(text).filter(|_| !text.contains('.'))
        }
        "decimal" => decimal(text),
        "double" => floating(text.parse::<f64>().ok()?),
        "float" => text
            .parse::<f32>()
            .ok()
            .filter(|value| sayable(f64::from(*value)))
            .map(|value| value.to_string()),
        "boolean" => match text {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        "gYear" => year(without_zone(text)),
        "gYearMonth" if english => {
            let (of, month) = without_zone(text).split_once('-')?;
            Some(format!("{} {}", MONTHS.get(two_digits(month)? - 1)?, year(of)?))
        }
        "date" if english => day(without_zone(text)),
        // Wikidata says days as their first moment. Another time of day is more than a day, and has no rule.
        "dateTime" if english => {
            let (date, time) = without_zone(text).split_once('T')?;
            let midnight = time.strip_prefix("00:00:00")?;
            let rest = midnight.strip_prefix('.').unwrap_or(midnight);
            rest.bytes().all(|byte| byte == b'0').then(|| day(date)).flatten()
        }
        _ => None,
    }
}

/// A number without a plus sign or zeros that say nothing: `+330.50` is 330.5.
fn decimal(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "" }, digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number =
        [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !number || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if whole.is_empty() && fraction.is_empty() { "" } else { sign };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

fn floating(value: f64) -> Option<String> {
    sayable(value).then(|| value.to_string())
}

/// Whether a number has a length at which one says it.
fn sayable(value: f64) -> bool {
    value == 0.0 || (1e-6..1e15).contains(&value.abs())
}

fn quantity(text: &str, unit: &str) -> Option<String> {
    let (_, one, many) = UNITS.iter().find(|(name, ..)| *name == unit)?;
    let number = decimal(text).or_else(|| floating(text.parse().ok()?))?;
    let unit = if number == "1" { one } else { many };
    Some(format!("{number} {unit}"))
}

/// `14 March 1879` of `1879-03-14`.
fn day(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (of, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let name = MONTHS.get(two_digits(month)? - 1)?;
    let (of, number) = (year(of)?, two_digits(day)?);
    (number <= days(&of, two_digits(month)?)).then(|| format!("{number} {name} {of}"))
}

/// How many days a month has.
fn days(year: &str, month: usize) -> usize {
    let year: u64 = year.parse().unwrap_or(0);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A year of our era. Which one `-0044` is, versions of XML Schema do not agree.
fn year(text: &str) -> Option<String> {
    let number = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let short = text.trim_start_matches('0');
    (number && !short.is_empty() && text.len() <= 9).then(|| short.to_owned())
}

/// A number from 1 on.
fn two_digits(text: &str) -> Option<usize> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number > 0)
}

/// Without a time zone at the end, which does not change what a day is called.
fn without_zone(text: &str) -> &str {
    let text = text.strip_suffix('Z').unwrap_or(text);
    match text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) {
        Some((rest, zone)) if zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':' => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::term::Iri;
    use super::*;

    fn said(text: &str, datatype: &str, language: &str) -> Option<String> {
        let datatype =
            if datatype.contains(':') { datatype.to_owned() } else { format!("{XSD}{datatype}") };
        spoken(&Literal::typed(text, Iri::new(&datatype).unwrap()), language)
    }

    #[test]
    fn values_are_said_by_the_rule_of_their_type() {
        for (text, datatype, words) in [
            ("1879-03-14", "date", "14 March 1879"),
            ("1879-03-14+01:00", "date", "14 March 1879"),
            ("2000-02-29Z", "date", "29 February 2000"),
            ("0079-08-24", "date", "24 August 79"),
            ("1879-03-14T00:00:00Z", "dateTime", "14 March 1879"),
            ("1879-03", "gYearMonth", "March 1879"),
            ("1879", "gYear", "1879"),
            ("+330", "decimal", "330"),
            ("+0330.50", "decimal", "330.5"),
            ("-0.0", "decimal", "0"),
            (".5", "decimal", "0.5"),
            ("01889", "integer", "1889"),
            ("-7", "int", "-7"),
            ("1.5E3", "double", "1500"),
            ("0.1", "float", "0.1"),
            ("1", "boolean", "true"),
            (" tea ", "string", "tea"),
            ("330.0", "http://dbpedia.org/datatype/metre", "330 metres"),
            ("1", "http://dbpedia.org/datatype/kilometre", "1 kilometre"),
            ("8.5E5", "http://dbpedia.org/datatype/usDollar", "850000 US dollars"),
        ] {
            assert_eq!(said(text, datatype, "en").as_deref(), Some(words), "{text} {datatype}");
        }
    }

    #[test]
    fn what_has_no_rule_or_is_no_value_is_not_said() {
        for (text, datatype) in [
            ("Point(2.29 48.85)", "http://www.opengis.net/ont/geosparql#wktLiteral"),
            ("1879-03-14T13:05:00Z", "dateTime"),
            ("1879-13-14", "date"),
            ("1879-02-29", "date"),
            ("1879-3-14", "date"),
            ("-0044-03-15", "date"),
            ("0000", "gYear"),
            ("P3Y", "duration"),
            ("a lot", "integer"),
            ("1.5", "integer"),
            ("+", "decimal"),
            ("1e300", "double"),
            ("NaN", "double"),
            ("yes", "boolean"),
            ("3", "http://dbpedia.org/datatype/stone"),
        ] {
            assert_eq!(said(text, datatype, "en"), None, "{text} {datatype}");
        }
        assert_eq!(said("1879-03-14", "date", "de"), None, "German says days otherwise");
        assert_eq!(said("1879", "gYear", "de").as_deref(), Some("1879"));
        assert_eq!(spoken(&Literal::in_language("Rom", "de"), "en").as_deref(), Some("Rom"));
    }
}
