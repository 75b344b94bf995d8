//! The W3C's Direct Mapping: what the tables and keys of a database say by themselves, put as a mapping.

use std::collections::BTreeMap;

use oxrdf::NamedNode;

use super::{
    database::{Database, TableShape},
    error::SqlError,
    mapping::{Mapping, Object, Property, Table, TriplesMap},
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
            database.tables().iter().filter(|table| !table.is_view).collect();
        if tables.is_empty() {
            return Err(SqlError::Empty { name: database.name().to_owned() });
        }
        let names = tables.iter().enumerate();
        let numbers: BTreeMap<String, usize> =
            names.map(|(number, table)| (table.name.to_ascii_lowercase(), number)).collect();
        let mut maps = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            let mut under = base.to_owned();
            encode(&table.name, &mut under);
            let mut properties: Vec<Property> = table
                .columns
                .iter()
                .map(|column| {
                    let predicate = predicate(&under, "#", [column]);
                    property(predicate, Object::Term(TermMap::column(column.clone())))
                })
                .collect();
            for key in &table.foreign_keys {
                // One that leads to no table leads from no row.
                let Some(parent) = numbers.get(&key.table.to_ascii_lowercase()) else { continue };
                let parents =
                    if key.parents.is_empty() { &tables[*parent].key } else { &key.parents };
                if parents.len() != key.columns.len() {
                    continue;
                }
                let joins = key.columns.iter().cloned().zip(parents.iter().cloned()).collect();
                let predicate = predicate(&under, "#ref-", &key.columns);
                properties.push(property(predicate, Object::Parent { map: *parent, joins }));
            }
            maps.push(TriplesMap {
                name: table.name.clone(),
                table: Table::Named(vec!["main".to_owned(), table.name.clone()]),
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
    if let (true, Some(row_id)) = (table.key.is_empty(), table.row_id) {
        parts.push(Part::Text(format!("{number}.")));
        parts.push(Part::Column(row_id.to_owned()));
        return TermMap::template(parts, Kind::Blank);
    }
    for (number, column) in table.key.iter().enumerate() {
        let mut text = if number == 0 { format!("{under}/") } else { ";".to_owned() };
        encode(column, &mut text);
        parts.push(Part::Text(text + "="));
        parts.push(Part::Column(column.clone()));
    }
    TermMap::template(parts, Kind::Iri)
}
