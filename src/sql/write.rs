//! Facts as a database: a script of SQL that makes it, and the R2RML mapping that reads it back.
//!
//! Things have a table, and each predicate has one. A column has a type where each of its values is written as that type
//! writes it; where one is not (`"01"`), all are texts beside their types. So what is read back is what was written, to the
//! letter. The script is in the SQL that SQLite, PostgreSQL and DuckDB have in common, but for a text with a NUL in it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt::Write as _,
    path::Path,
};

use rusqlite::{Connection, types::ValueRef};

use super::{
    mapping::RR,
    names::quoted,
    natural::{BOOLEAN, DATE, DOUBLE, INTEGER},
    sqlite::{Declared, natural},
};
use crate::fact::{Fact, Iri, Literal, Term};

const STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
/// Rows of one INSERT.
const ROWS: usize = 500;
/// Bytes of one INSERT, about.
const BYTES: usize = 256 << 10;
/// Tables that are not a predicate's.
const OWN: [&str; 4] = ["things", "words", "kledger_predicates", "kledger_meta"];
/// Bytes of the name of a table: PostgreSQL's limit is 63.
const NAME: usize = 56;
/// Bytes of a text that has an index: PostgreSQL's limit is about 2700.
const KEY: usize = 2000;
/// Characters of a text that a message shows.
const SHOWN: usize = 100;

/// What a database is made of.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    /// The facts, in the order in which they are written.
    pub facts: &'a [Fact],
    /// What is said of how things are called and asked, in an order that counts.
    pub words: &'a [Fact],
    /// Predicates that have many values.
    pub many: &'a BTreeSet<Iri>,
    /// What is to be known of where it comes from, by name.
    pub meta: &'a [(&'a str, String)],
}

/// How facts are laid out in tables.
pub struct Layout<'a> {
    contents: Contents<'a>,
    /// What tables are named behind in the mapping, with its dot.
    schema: String,
    numbers: BTreeMap<&'a str, usize>,
    things: Vec<&'a Iri>,
    tables: Vec<PredicateTable<'a>>,
}

/// What the objects of a predicate are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects<'a> {
    /// Things.
    Things,
    /// Values that a column of this type holds exactly.
    Typed(Kind),
    /// Texts of one type.
    Texts(&'a str),
    /// Anything: things, and texts beside their types and languages.
    Mixed,
}

/// Types of columns that write their values in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Double,
    Boolean,
    Date,
}

struct PredicateTable<'a> {
    name: String,
    predicate: &'a Iri,
    objects: Objects<'a>,
    /// Whether a subject has several objects.
    is_many: bool,
    facts: Vec<&'a Fact>,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Integer, Self::Double, Self::Boolean, Self::Date];

    const fn datatype(self) -> &'static str {
        match self {
            Self::Integer => INTEGER,
            Self::Double => DOUBLE,
            Self::Boolean => BOOLEAN,
            Self::Date => DATE,
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Integer => "BIGINT",
            Self::Double => "DOUBLE PRECISION",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
        }
    }

    /// How a value is written in SQL, if the column gives it back to the letter.
    fn written(self, lexical: &str) -> Option<String> {
        let (value, sql) = match self {
            Self::Integer => {
                let number: i64 = lexical.parse().ok()?;
                // The least number is no literal of SQL's.
                (ValueRef::Integer(number), (number > i64::MIN).then(|| number.to_string())?)
            }
            Self::Double => {
                let number: f64 = lexical.parse().ok().filter(|number: &f64| number.is_finite())?;
                (ValueRef::Real(number), plain(number)?)
            }
            Self::Boolean => match lexical {
                "true" => (ValueRef::Integer(1), "TRUE".to_owned()),
                "false" => (ValueRef::Integer(0), "FALSE".to_owned()),
                _ => return None,
            },
            // There is no year 0 in PostgreSQL.
            Self::Date if lexical.starts_with("0000") => return None,
            Self::Date => (ValueRef::Text(lexical.as_bytes()), text(lexical)),
        };
        let back = natural(value, Declared::of(Some(self.sql()))).ok().flatten()?;
        (back.lexical == lexical && back.datatype == Some(self.datatype())).then_some(sql)
    }
}

/// A number as SQL writes it, if it is one that every database reads alike: SQLite is not exact to the last bit of very
/// long, large and small ones.
fn plain(number: f64) -> Option<String> {
    let written = format!("{number:E}");
    let (digits, power) = written.split_once('E')?;
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = count <= 15 && power.parse::<i32>().ok()?.abs() <= 20;
    (is_plain && !written.starts_with("-0E")).then_some(written)
}

impl<'a> Objects<'a> {
    /// What holds all of `facts` exactly.
    fn of(facts: &[&'a Fact]) -> Self {
        let literal = |fact: &&'a Fact| match &fact.object {
            Term::Literal(literal) if literal.language.is_none() => Some(literal),
            _ => None,
        };
        if facts.iter().all(|fact| matches!(fact.object, Term::Iri(_))) {
            return Self::Things;
        }
        let Some(first) = facts.first().and_then(literal) else { return Self::Mixed };
        let datatype = first.datatype.as_str();
        let same = |fact: &&'a Fact| {
            literal(fact).is_some_and(|other| other.datatype.as_str() == datatype)
        };
        if !facts.iter().all(same) {
            return Self::Mixed;
        }
        let holds = |kind: Kind| {
            facts.iter().filter_map(literal).all(|literal| kind.written(&literal.lexical).is_some())
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.datatype() == datatype);
        kind.filter(|kind| holds(*kind)).map_or(Self::Texts(datatype), Self::Typed)
    }
}

impl<'a> Layout<'a> {
    /// Looks at what is to be written.
    #[must_use]
    pub fn new(contents: Contents<'a>) -> Self {
        let mut layout = Self {
            contents,
            schema: String::new(),
            numbers: BTreeMap::new(),
            things: Vec::new(),
            tables: Vec::new(),
        };
        for fact in contents.facts.iter().chain(contents.words) {
            layout.thing(&fact.subject);
            if let Term::Iri(object) = &fact.object {
                layout.thing(object);
            }
        }
        let mut by_predicate: BTreeMap<&Iri, Vec<&Fact>> = BTreeMap::new();
        for fact in contents.facts {
            by_predicate.entry(&fact.predicate).or_default().push(fact);
        }
        let mut taken: BTreeSet<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
        for (predicate, facts) in by_predicate {
            let name = free_name(predicate, &mut taken);
            let objects = Objects::of(&facts);
            // Facts from before a predicate was said to have one value are there all the same.
            let subjects: BTreeSet<&Iri> = facts.iter().map(|fact| &fact.subject).collect();
            let is_many = contents.many.contains(predicate) || subjects.len() < facts.len();
            layout.tables.push(PredicateTable { name, predicate, objects, is_many, facts });
        }
        layout
    }

    /// Has the mapping find the tables in a schema of that name.
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.schema = format!("{}.", quoted(schema));
        self
    }

    /// The beginning of a text that has a NUL, if there is one.
    pub(super) fn nul(&self) -> Option<String> {
        let mut all = self.contents.facts.iter().chain(self.contents.words);
        all.find_map(|fact| match &fact.object {
            Term::Literal(literal) if literal.lexical.contains('\0') => {
                Some(literal.lexical.chars().take(SHOWN).collect())
            }
            _ => None,
        })
    }

    fn thing(&mut self, iri: &'a Iri) {
        let next = self.things.len() + 1;
        if let Entry::Vacant(new) = self.numbers.entry(iri.as_str()) {
            new.insert(next);
            self.things.push(iri);
        }
    }

    fn number(&self, iri: &Iri) -> usize {
        self.numbers.get(iri.as_str()).copied().unwrap_or_default()
    }

    /// Hands each statement of the script to `take`. The mapping is in it too.
    ///
    /// # Errors
    /// The first of `take`.
    pub fn script<E>(&self, take: &mut dyn FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        take("BEGIN")?;
        self.statements(take)?;
        take("COMMIT")
    }

    /// The statements between its beginning and its end.
    pub(super) fn statements<E>(
        &self,
        take: &mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        take("CREATE TABLE kledger_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")?;
        let meta = self.contents.meta.iter();
        let meta = meta.map(|(name, value)| format!("({}, {})", text(name), text(value)));
        insert("kledger_meta", meta, take)?;
        let mapping = format!("({}, {})", text("mapping"), text(&self.mapping()));
        insert("kledger_meta", std::iter::once(mapping), take)?;
        let unique = |is_short: bool| if is_short { " UNIQUE" } else { "" };
        let things = unique(self.things.iter().all(|iri| is_short(iri.as_str())));
        take(&format!("CREATE TABLE things (id INTEGER PRIMARY KEY, iri TEXT NOT NULL{things})"))?;
        let things = self.things.iter().enumerate();
        let things =
            things.map(|(number, iri)| format!("({}, {})", number + 1, text(iri.as_str())));
        insert("things", things, take)?;
        take(
            "CREATE TABLE words (id INTEGER PRIMARY KEY, thing INTEGER NOT NULL REFERENCES things (id), property TEXT NOT \
             NULL, value TEXT NOT NULL, datatype TEXT, language TEXT)",
        )?;
        let words = self.contents.words.iter().enumerate().filter_map(|(number, word)| match &word
            .object
        {
            Term::Literal(literal) => Some(format!(
                "({}, {}, {}, {})",
                number + 1,
                self.number(&word.subject),
                text(word.predicate.as_str()),
                beside(literal)
            )),
            Term::Iri(_) => None,
        });
        insert("words", words, take)?;
        let iris = unique(self.tables.iter().all(|table| is_short(table.predicate.as_str())));
        take(&format!(
            "CREATE TABLE kledger_predicates (name TEXT PRIMARY KEY, iri TEXT NOT NULL{iris}, many_values BOOLEAN NOT NULL)"
        ))?;
        let predicates = self.tables.iter().map(|table| {
            let many = if table.is_many { "TRUE" } else { "FALSE" };
            format!("({}, {}, {many})", text(&table.name), text(table.predicate.as_str()))
        });
        insert("kledger_predicates", predicates, take)?;
        for table in &self.tables {
            take(&table.create())?;
            let rows = table.facts.iter().map(|fact| self.row(table, fact));
            insert(&quoted(&table.name), rows, take)?;
        }
        Ok(())
    }

    fn row(&self, table: &PredicateTable<'_>, fact: &Fact) -> String {
        let subject = self.number(&fact.subject);
        match (&fact.object, table.objects) {
            (Term::Iri(object), Objects::Things) => format!("({subject}, {})", self.number(object)),
            (Term::Iri(object), _) => {
                format!("({subject}, {}, NULL, NULL, NULL)", self.number(object))
            }
            (Term::Literal(literal), Objects::Typed(kind)) => {
                let value = kind.written(&literal.lexical);
                format!("({subject}, {})", value.unwrap_or_else(|| text(&literal.lexical)))
            }
            (Term::Literal(literal), Objects::Texts(_)) => {
                format!("({subject}, {})", text(&literal.lexical))
            }
            (Term::Literal(literal), _) => format!("({subject}, NULL, {})", beside(literal)),
        }
    }

    /// Makes the database in the new file `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(&self, path: &Path) -> Result<(), std::io::Error> {
        let connection = Connection::open(path).map_err(std::io::Error::other)?;
        let off =
            "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF";
        connection.execute_batch(off).map_err(std::io::Error::other)?;
        self.script(&mut |statement| {
            connection.execute_batch(statement).map_err(std::io::Error::other)
        })?;
        connection.close().map_err(|(_, error)| std::io::Error::other(error))
    }

    /// The mapping that reads the database back, in Turtle.
    #[must_use]
    pub fn mapping(&self) -> String {
        let mut out = format!("@prefix rr: <{RR}> .\n@base <https://kledger.dev/mapping/> .\n");
        let mut number = 0;
        let mut seen = BTreeSet::new();
        for word in self.contents.words {
            let Term::Literal(literal) = &word.object else { continue };
            let property = word.predicate.as_str();
            let (language, datatype) = (literal.language.as_deref(), literal.datatype.as_str());
            if seen.insert((property, language, datatype)) {
                let of = alike(literal, "w");
                let query = format!(
                    "SELECT s.iri AS thing, w.value AS value FROM {schema}words w JOIN {schema}things s ON s.id = w.thing \
                     WHERE w.property = {} AND {of} ORDER BY w.id",
                    text(property),
                    schema = self.schema
                );
                number += 1;
                triples_map(
                    &mut out,
                    (&format!("words-{number}"), &query),
                    property,
                    &of_literal(literal),
                );
            }
        }
        for table in &self.tables {
            table.map(&self.schema, &mut out);
        }
        out
    }
}

impl PredicateTable<'_> {
    fn create(&self) -> String {
        let object = match self.objects {
            Objects::Things => "object INTEGER NOT NULL REFERENCES things (id)".to_owned(),
            Objects::Typed(kind) => format!("object {} NOT NULL", kind.sql()),
            Objects::Texts(_) => "object TEXT NOT NULL".to_owned(),
            Objects::Mixed => {
                "object INTEGER REFERENCES things (id), value TEXT, datatype TEXT, language TEXT"
                    .to_owned()
            }
        };
        let key = match (self.is_many, self.objects) {
            (false, _) => ", PRIMARY KEY (subject)",
            (true, Objects::Mixed) => "",
            (true, Objects::Texts(_)) if !self.has_short_texts() => "",
            (true, _) => ", PRIMARY KEY (subject, object)",
        };
        let name = quoted(&self.name);
        format!(
            "CREATE TABLE {name} (subject INTEGER NOT NULL REFERENCES things (id), {object}{key})"
        )
    }

    fn has_short_texts(&self) -> bool {
        self.facts.iter().all(|fact| match &fact.object {
            Term::Literal(literal) => is_short(&literal.lexical),
            Term::Iri(_) => true,
        })
    }

    /// The triples maps that read it, in a schema.
    fn map(&self, schema: &str, out: &mut String) {
        let (table, predicate) = (quoted(&self.name), self.predicate.as_str());
        let from = format!("FROM {schema}{table} t JOIN {schema}things s ON s.id = t.subject");
        let things = format!(
            "SELECT s.iri AS thing, o.iri AS value {from} JOIN {schema}things o ON o.id = t.object"
        );
        let values = |column: &str| format!("SELECT s.iri AS thing, t.{column} AS value {from}");
        let name = &self.name;
        match self.objects {
            Objects::Things => triples_map(out, (name, &things), predicate, IRI),
            Objects::Typed(kind) => {
                triples_map(out, (name, &values("object")), predicate, &of_type(kind.datatype()));
            }
            Objects::Texts(datatype) => {
                triples_map(out, (name, &values("object")), predicate, &of_type(datatype));
            }
            Objects::Mixed => {
                if self.facts.iter().any(|fact| matches!(fact.object, Term::Iri(_))) {
                    triples_map(out, (name, &things), predicate, IRI);
                }
                let mut seen = BTreeSet::new();
                for fact in &self.facts {
                    let Term::Literal(literal) = &fact.object else { continue };
                    if seen.insert((literal.language.as_deref(), literal.datatype.as_str())) {
                        let query = format!("{} WHERE {}", values("value"), alike(literal, "t"));
                        let name = format!("{name}-{}", seen.len());
                        triples_map(out, (&name, &query), predicate, &of_literal(literal));
                    }
                }
            }
        }
    }
}

/// The object map of things.
const IRI: &str = "rr:column \"value\" ; rr:termType rr:IRI";

fn of_type(datatype: &str) -> String {
    if datatype == STRING {
        return "rr:column \"value\"".to_owned();
    }
    format!("rr:column \"value\" ; rr:datatype {}", node(datatype))
}

fn of_literal(literal: &Literal) -> String {
    match &literal.language {
        Some(language) => format!("rr:column \"value\" ; rr:language \"{language}\""),
        None => of_type(literal.datatype.as_str()),
    }
}

/// What rows have whose values are of the type and language of `literal`.
fn alike(literal: &Literal, table: &str) -> String {
    match &literal.language {
        Some(language) => format!("{table}.language = {}", text(language)),
        None if literal.datatype.as_str() == STRING => {
            format!(
                "{table}.value IS NOT NULL AND {table}.datatype IS NULL AND {table}.language IS NULL"
            )
        }
        None => format!("{table}.datatype = {}", text(literal.datatype.as_str())),
    }
}

fn triples_map(out: &mut String, (name, query): (&str, &str), predicate: &str, object: &str) {
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    let query =
        query.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    let _ = write!(
        out,
        "\n<{name}> rr:logicalTable [ rr:sqlQuery \"{query}\" ] ;\n    \
         rr:subjectMap [ rr:column \"thing\" ; rr:termType rr:IRI ] ;\n    \
         rr:predicateObjectMap [ rr:predicate {} ; rr:objectMap [ {object} ] ] .\n",
        node(predicate)
    );
}

/// An IRI in Turtle.
fn node(iri: &str) -> String {
    oxrdf::NamedNodeRef::new_unchecked(iri).to_string()
}

/// Value, type and language of a literal.
fn beside(literal: &Literal) -> String {
    let datatype = match (&literal.language, literal.datatype.as_str()) {
        (Some(_), _) | (None, STRING) => "NULL".to_owned(),
        (None, datatype) => text(datatype),
    };
    let language = literal.language.as_deref().map_or_else(|| "NULL".to_owned(), text);
    format!("{}, {datatype}, {language}", text(&literal.lexical))
}

/// Whether a text can have an index.
const fn is_short(text: &str) -> bool {
    text.len() <= KEY
}

/// A text in SQL.
fn text(text: &str) -> String {
    if text.contains('\0') {
        let bytes: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        return format!("CAST(X'{bytes}' AS TEXT)");
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Inserts rows, many by one statement.
fn insert<E>(
    table: &str,
    rows: impl Iterator<Item = String>,
    take: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let (mut statement, mut count) = (String::new(), 0);
    for row in rows {
        if count == ROWS || statement.len() > BYTES {
            take(&statement)?;
            statement.clear();
            count = 0;
        }
        match count {
            0 => {
                let _ = write!(statement, "INSERT INTO {table} VALUES\n  {row}");
            }
            _ => {
                let _ = write!(statement, ",\n  {row}");
            }
        }
        count += 1;
    }
    if count > 0 { take(&statement) } else { Ok(()) }
}

/// What the table of a predicate is called: the last part of its IRI, which no other table is called whatever its
/// capitals.
fn free_name(predicate: &Iri, taken: &mut BTreeSet<String>) -> String {
    let iri = predicate.as_str();
    let last = iri.trim_end_matches(['/', '#', ':']);
    let last = &last[last.rfind(['/', '#', ':']).map_or(0, |at| at + 1)..];
    let mut name: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(NAME).collect();
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || name.to_ascii_lowercase().starts_with("sqlite_")
    {
        name.insert(0, 'p');
    }
    let mut free = name.clone();
    let mut number = 1;
    while !taken.insert(free.to_ascii_lowercase()) {
        number += 1;
        free = format!("{name}_{number}");
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_a_type_if_it_gives_values_back_to_the_letter() {
        for (kind, lexical, is_exact) in [
            (Kind::Integer, "-12", true),
            (Kind::Integer, "01", false),
            (Kind::Integer, "+1", false),
            (Kind::Integer, "-0", false),
            (Kind::Integer, "9223372036854775807", true),
            (Kind::Integer, "9223372036854775808", false),
            (Kind::Double, "1.5E3", true),
            (Kind::Double, "1500", false),
            (Kind::Double, "1.0E-320", false),
            (Kind::Double, "1.2345678901234567E0", false),
            (Kind::Double, "0.0E0", true),
            (Kind::Double, "-0.0E0", false),
            (Kind::Double, "INF", false),
            (Kind::Boolean, "true", true),
            (Kind::Boolean, "1", false),
            (Kind::Date, "1879-03-14", true),
            (Kind::Date, "1879-03-14Z", false),
            (Kind::Date, "1879-02-30", false),
            (Kind::Date, "0000-01-01", false),
        ] {
            assert_eq!(kind.written(lexical).is_some(), is_exact, "{kind:?} {lexical}");
        }
    }

    #[test]
    fn tables_have_names_of_their_own() {
        let mut taken = BTreeSet::from(["things".to_owned()]);
        let mut name = |iri: &str| free_name(&Iri::new(iri).unwrap(), &mut taken);
        assert_eq!(name("http://e.org/likes"), "likes");
        assert_eq!(name("http://e.org/Likes"), "Likes_2");
        assert_eq!(name("http://e.org/ns#likes"), "likes_3");
        assert_eq!(name("http://e.org/things"), "things_2");
        assert_eq!(name("http://e.org/1st/"), "p1st");
        assert_eq!(name("http://e.org/sqlite_a"), "psqlite_a");
        assert_eq!(name("urn:x:größe"), "gr__e");
    }
}
