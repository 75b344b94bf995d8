//! Names of tables and columns, as mappings have them and as databases compare them.

use super::term::Part;

/// A name in a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Without its quotes.
    pub(super) text: String,
    pub(super) is_quoted: bool,
}

/// Which capitals a database tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capitals {
    /// They count where names differ in nothing else.
    Alike,
    /// They count, and names without quotes have none.
    Folded,
}

impl Name {
    /// One that is meant to the letter.
    pub(super) fn quoted(text: &str) -> Self {
        Self { text: text.to_owned(), is_quoted: true }
    }

    /// That of a column.
    pub(super) fn column(written: &str) -> Self {
        match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) => Self::quoted(&inner.replace("\"\"", "\"")),
            None => Self { text: written.to_owned(), is_quoted: false },
        }
    }

    /// The parts of a table's name, which dots divide.
    pub(super) fn path(written: &str) -> Option<Vec<Self>> {
        let (mut parts, mut rest) = (Vec::new(), written.trim());
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let mut part = String::new();
                let mut characters = quoted.char_indices().peekable();
                let end = loop {
                    match characters.next()? {
                        (_, '"') if characters.next_if(|(_, c)| *c == '"').is_some() => {
                            part.push('"');
                        }
                        (at, '"') => break at + 1,
                        (_, c) => part.push(c),
                    }
                };
                parts.push(Self::quoted(&part));
                rest = &quoted[end..];
            } else {
                let end = rest.find(['.', '"']).unwrap_or(rest.len());
                parts.push(Self { text: rest[..end].to_owned(), is_quoted: false });
                rest = &rest[end..];
            }
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None if rest.is_empty() => break,
                None => return None,
            }
        }
        let is_name = parts.iter().all(|part| !part.text.is_empty() && !part.text.contains('\0'));
        (is_name && parts.len() <= 2).then_some(parts)
    }
}

impl Capitals {
    /// Whether a name in a mapping means `known` to the letter.
    pub(super) fn is_exact(self, name: &Name, known: &str) -> bool {
        match self {
            Self::Folded if !name.is_quoted => name.text.to_ascii_lowercase() == known,
            Self::Folded | Self::Alike => name.text == known,
        }
    }

    /// The name that is meant, among those that a database has.
    pub(super) fn find<'k>(
        self,
        name: &Name,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Option<&'k str> {
        let alike = |known: &&str| self == Self::Alike && known.eq_ignore_ascii_case(&name.text);
        let mut all = known.clone();
        all.find(|known| self.is_exact(name, known)).or_else(|| { known }.find(alike))
    }
}

/// A name as SQL writes it whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The texts and columns of a template.
pub(super) fn parts(template: &str) -> Result<Vec<Part<Name>>, &'static str> {
    let (mut parts, mut text) = (Vec::new(), String::new());
    let mut characters = template.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | '{' | '}')) => text.push(escaped),
                _ => return Err("has a backslash that is before no brace and no backslash"),
            },
            '{' => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                let mut name = String::new();
                loop {
                    match characters.next() {
                        Some('\\') => name.extend(characters.next()),
                        Some('}') => break,
                        Some('{') | None => return Err("has a brace that is never closed"),
                        Some(c) => name.push(c),
                    }
                }
                if name.is_empty() {
                    return Err("has braces without the name of a column");
                }
                parts.push(Part::Column(Name::column(&name)));
            }
            '}' => return Err("has a brace that is never opened"),
            c => text.push(c),
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Name {
        Name { text: text.to_owned(), is_quoted: false }
    }

    #[test]
    fn names_and_templates_are_taken_apart() {
        assert_eq!(Name::path("people"), Some(vec![bare("people")]));
        assert_eq!(Name::path("\"My \"\"people\"\"\""), Some(vec![Name::quoted("My \"people\"")]));
        assert_eq!(Name::path("main.\"a.b\""), Some(vec![bare("main"), Name::quoted("a.b")]));
        for none in ["", "a.", ".a", "\"a", "\"a\"b", "a.b.c", "\"\""] {
            assert_eq!(Name::path(none), None, "{none}");
        }
        let text = |text: &str| Part::Text(text.to_owned());
        let template = "http://e.org/{a}/{\"b c\"}\\{x\\}";
        let expected = vec![
            text("http://e.org/"),
            Part::Column(bare("a")),
            text("/"),
            Part::Column(Name::quoted("b c")),
            text("{x}"),
        ];
        assert_eq!(parts(template), Ok(expected));
        for bad in ["{a", "a}", "{}", "\\a", "{a{b}}"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_found_as_the_database_compares_them() {
        let known = ["Name", "name", "ÄRA"];
        let find = |capitals: Capitals, name: &Name| capitals.find(name, known.iter().copied());
        assert_eq!(find(Capitals::Alike, &bare("NAME")), Some("Name"));
        assert_eq!(find(Capitals::Alike, &Name::quoted("name")), Some("name"));
        assert_eq!(find(Capitals::Folded, &bare("NAME")), Some("name"));
        assert_eq!(find(Capitals::Folded, &Name::quoted("Name")), Some("Name"));
        assert_eq!(find(Capitals::Folded, &Name::quoted("NAME")), None);
        assert_eq!(find(Capitals::Folded, &bare("ÄRA")), None);
    }
}
