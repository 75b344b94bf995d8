//! The W3C's Direct Mapping: what the tables and keys of a database say by themselves, put as a mapping.

use std::iter;

use oxrdf::NamedNode;

use super::{
    database::{Database, TableShape},
    error::SqlError,
    mapping::{Mapping, Object, Property, Table, TriplesMap},
    names::Name,
    term::{Kind, Part, TermMap, encode},
};

impl Mapping {
    /// What the tables of `database` say by themselves: for each row its type, its values, and the rows that its foreign
    /// keys lead to, under `base`. Rows of a table without a primary key are blank nodes.
    ///
    /// # Errors
    /// When the database has no tables.
    pub fn direct(database: &Database, base: &str) -> Result<Self, SqlError> {
        let tables: Vec<&TableShape> =
            database.tables().iter().filter(|table| table.is_direct).collect();
        if tables.is_empty() {
            return Err(SqlError::Empty { name: database.name().to_owned() });
        }
        let capitals = database.source.capitals();
        let number_of = |(schema, name): &(String, String)| {
            let name = Name::quoted(name);
            let is_meant = |table: &&TableShape| {
                let called = iter::once(table.name.as_str());
                table.schema == *schema && capitals.find(&name, called).is_some()
            };
            tables.iter().position(is_meant)
        };
        let mut maps = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            let mut under = base.to_owned();
            encode(&table.name, &mut under);
            let mut properties: Vec<Property> = table
                .columns
                .iter()
                .map(|column| {
                    let predicate = predicate(&under, "#", [column]);
                    property(predicate, Object::Term(TermMap::column(Name::quoted(column))))
                })
                .collect();
            for key in &table.foreign_keys {
                // One that leads to no table leads from no row.
                let Some(parent) = number_of(&key.table) else { continue };
                let parents =
                    if key.parents.is_empty() { &tables[parent].key } else { &key.parents };
                if parents.len() != key.columns.len() {
                    continue;
                }
                let joins = key.columns.iter().zip(parents);
                let joins = joins.map(|(own, of)| (Name::quoted(own), Name::quoted(of))).collect();
                let predicate = predicate(&under, "#ref-", &key.columns);
                properties.push(property(predicate, Object::Parent { map: parent, joins }));
            }
            maps.push(TriplesMap {
                name: table.name.clone(),
                table: Table::Named(vec![Name::quoted(&table.schema), Name::quoted(&table.name)]),
                subject: subject(&under, number, table),
                classes: vec![NamedNode::new_unchecked(under)],
                graphs: Vec::new(),
                properties,
            });
        }
        Ok(Self { maps })
    }
}

fn property(predicate: NamedNode, object: Object) -> Property {
    let predicates = vec![TermMap::constant(predicate)];
    Property { predicates, objects: vec![object], graphs: Vec::new() }
}

/// The predicate of some columns of the table whose IRI is `under`.
fn predicate<'c>(
    under: &str,
    mark: &str,
    columns: impl IntoIterator<Item = &'c String>,
) -> NamedNode {
    let mut iri = format!("{under}{mark}");
    for (number, column) in columns.into_iter().enumerate() {
        if number > 0 {
            iri.push(';');
        }
        encode(column, &mut iri);
    }
    NamedNode::new_unchecked(iri)
}

/// What a row is: an IRI with the values of its key, or a blank node.
fn subject(under: &str, number: usize, table: &TableShape) -> TermMap {
    let mut parts = Vec::new();
    if table.key.is_empty() {
        parts.push(Part::Text(number.to_string()));
        for row_id in table.row_ids {
            parts.extend([Part::Text(".".to_owned()), Part::Column(Name::quoted(row_id))]);
        }
        return TermMap::template(parts, Kind::Blank);
    }
    for (number, column) in table.key.iter().enumerate() {
        let mut text = if number == 0 { format!("{under}/") } else { ";".to_owned() };
        encode(column, &mut text);
        parts.push(Part::Text(text + "="));
        parts.push(Part::Column(Name::quoted(column)));
    }
    TermMap::template(parts, Kind::Iri)
}
