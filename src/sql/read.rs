//! Quads of rows, as a mapping makes them, and facts of quads.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use oxrdf::{GraphName, NamedNode, NamedOrBlankNode, Quad, Term};

use super::{
    database::{Cell, ColumnShape, Database, TableShape},
    error::SqlError,
    mapping::{Mapping, Object, Property, RR, Table, TriplesMap},
    names::{Capitals, Name, quoted},
    natural::Natural,
    term::{Row, TermMap},
};
use crate::fact::{
    Intake, StageError, Taking,
    read::{Choice, LONGEST, Mistakes, NO_BASE, Position, Problem, ReadError},
};

const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
/// Characters of a key that a place has.
const PLACE: usize = 200;

/// Takes a quad, or what is wrong with a row, and the place of the row.
pub type Take<'t> = dyn FnMut(Result<Quad, String>, &Arc<str>) + 't;

/// Reads the facts that the rows of `database` make as `mapping` says, and that are in `choice`; relative IRIs go under
/// `base`. There may be none.
///
/// # Errors
/// When the mapping does not fit the database, reading goes beyond a limit, or rows make no facts: then all such rows
/// are found.
pub fn read<E: From<SqlError> + From<StageError>>(
    database: &Database,
    mapping: &Mapping,
    (base, choice): (Option<&str>, &Choice),
) -> Result<Intake, E> {
    let mut taking = Taking::new(database.name(), choice);
    quads(database, mapping, base, &mut |made, place| match made {
        Ok(quad) => taking.quad(quad, place),
        Err(why) => {
            let position = Position { source: Arc::clone(place), line: 0, column: None };
            taking.mistake(ReadError { position, problem: Problem::Made(why) });
        }
    })?;
    Ok(taking.finish().map_err(|mistakes: Mistakes| StageError::from(mistakes))?)
}

/// Hands each quad that the rows of `database` make as `mapping` says to `take`, with the place of its row; or what is
/// wrong with a row. A quad may come more than once. Relative IRIs go under `base`.
///
/// # Errors
/// When the mapping does not fit the database, or reading goes beyond a limit.
pub fn quads(
    database: &Database,
    mapping: &Mapping,
    base: Option<&str>,
    take: &mut Take<'_>,
) -> Result<(), SqlError> {
    let base = base.unwrap_or(NO_BASE);
    // All that the mapping wants is looked for before the first row is read.
    let mut plans = Vec::new();
    for map in &mapping.maps {
        plans.extend(plans_of(database, mapping, map)?);
    }
    let mut rows = 0;
    for plan in &plans {
        plan.run(database, base, &mut rows, take)?;
    }
    Ok(())
}

/// A query, and what its rows make.
struct Plan<'m> {
    map: &'m TriplesMap,
    sql: String,
    /// What the columns of the query's row are called.
    names: Vec<String>,
    /// Where in the query's row each value is.
    columns: Vec<usize>,
    /// What the row is known by: names of columns, and where they are in the query's row.
    key: Vec<(String, usize)>,
    /// Whether rows can be told by their number.
    is_numbered: bool,
    subject: TermMap<usize>,
    classes: &'m [NamedNode],
    graphs: Vec<TermMap<usize>>,
    properties: Vec<Bound>,
}

/// A property whose columns are found.
struct Bound {
    predicates: Vec<TermMap<usize>>,
    objects: Vec<TermMap<usize>>,
    graphs: Vec<TermMap<usize>>,
}

/// One side of a query: a table, or the rows of another query.
struct Side<'m> {
    map: &'m TriplesMap,
    /// What stands behind FROM.
    from: String,
    columns: Vec<String>,
    capitals: Capitals,
    key: Vec<String>,
    /// Columns that are there and not listed.
    row_ids: &'static [&'static str],
    is_query: bool,
}

impl<'m> Side<'m> {
    fn of(database: &Database, map: &'m TriplesMap) -> Result<Self, SqlError> {
        let capitals = database.source.capitals();
        match &map.table {
            Table::Named(path) => {
                let shown = |part: &Name| part.text.clone();
                let table = database.table(path).ok_or_else(|| SqlError::NoTable {
                    map: map.name.clone(),
                    table: path.iter().map(shown).collect::<Vec<_>>().join("."),
                    known: database.tables().iter().map(TableShape::shown).collect(),
                })?;
                let row_ids = || table.row_ids.iter().map(|id| (*id).to_owned()).collect();
                Ok(Self {
                    map,
                    from: format!("{}.{}", quoted(&table.schema), quoted(&table.name)),
                    columns: table.columns.clone(),
                    capitals,
                    key: if table.key.is_empty() { row_ids() } else { table.key.clone() },
                    row_ids: table.row_ids,
                    is_query: false,
                })
            }
            Table::Query(query) => {
                let columns = columns(database, map, query)?;
                let columns: Vec<String> = columns.into_iter().map(|column| column.name).collect();
                for (number, column) in columns.iter().enumerate() {
                    if columns[..number].contains(column) {
                        let (map, column) = (map.name.clone(), column.clone());
                        return Err(SqlError::TwoColumns { map, column });
                    }
                }
                // It may end with a comment.
                let (key, from) = (Vec::new(), format!("({query}\n)"));
                Ok(Self { map, from, columns, capitals, key, row_ids: &[], is_query: true })
            }
        }
    }

    /// A column as the database calls it.
    fn column(&self, name: &Name) -> Result<String, SqlError> {
        let known = self.columns.iter().map(String::as_str);
        let hidden = || self.row_ids.iter().find(|id| **id == name.text).copied();
        let found = self.capitals.find(name, known).or_else(hidden);
        found.map(str::to_owned).ok_or_else(|| SqlError::NoColumn {
            map: self.map.name.clone(),
            column: name.text.clone(),
            known: self.columns.clone(),
        })
    }
}

/// Columns that a query gives, each once.
#[derive(Default)]
struct Wanted {
    /// Side and name.
    columns: Vec<(usize, String)>,
    numbers: BTreeMap<(usize, String), usize>,
}

impl Wanted {
    fn number(&mut self, side: usize, column: String) -> usize {
        let next = self.columns.len();
        let wanted = (side, column);
        *self.numbers.entry(wanted).or_insert_with_key(|wanted| {
            self.columns.push(wanted.clone());
            next
        })
    }
}

/// Finds the columns of a term map.
fn bind(
    map: &TermMap,
    sides: &[Side<'_>],
    side: usize,
    wanted: &mut Wanted,
) -> Result<TermMap<usize>, SqlError> {
    map.bind(&mut |name| Ok(wanted.number(side, sides[side].column(name)?)))
}

fn bind_all(
    maps: &[TermMap],
    sides: &[Side<'_>],
    wanted: &mut Wanted,
) -> Result<Vec<TermMap<usize>>, SqlError> {
    maps.iter().map(|map| bind(map, sides, 0, wanted)).collect()
}

/// The queries of a triples map: one for its own rows, and one for each parent that is joined with them.
fn plans_of<'m>(
    database: &Database,
    mapping: &'m Mapping,
    map: &'m TriplesMap,
) -> Result<Vec<Plan<'m>>, SqlError> {
    let own = [Side::of(database, map)?];
    let mut wanted = Wanted::default();
    let mut bound = Vec::new();
    let mut joined = Vec::new();
    for property in &map.properties {
        let mut objects = Vec::new();
        for object in &property.objects {
            match object {
                Object::Term(term) => objects.push(bind(term, &own, 0, &mut wanted)?),
                Object::Parent { map: parent, joins } if joins.is_empty() => {
                    objects.push(bind(&mapping.maps[*parent].subject, &own, 0, &mut wanted)?);
                }
                Object::Parent { map: parent, joins } => {
                    joined.push((property, &mapping.maps[*parent], joins.as_slice()));
                }
            }
        }
        if !objects.is_empty() {
            let predicates = bind_all(&property.predicates, &own, &mut wanted)?;
            let graphs = bind_all(&property.graphs, &own, &mut wanted)?;
            bound.push(Bound { predicates, objects, graphs });
        }
    }
    let mut plans = Vec::new();
    if !bound.is_empty() || !map.classes.is_empty() || joined.is_empty() {
        let subject = bind(&map.subject, &own, 0, &mut wanted)?;
        let graphs = bind_all(&map.graphs, &own, &mut wanted)?;
        let [side] = &own;
        plans.push(Plan::alone(side, &wanted, (subject, graphs, bound)));
    }
    for (property, parent, joins) in joined {
        plans.push(Plan::joined(database, (map, parent), property, joins)?);
    }
    for plan in &mut plans {
        let columns = columns(database, map, &plan.sql)?;
        for column in plan.columns.iter().filter_map(|at| columns.get(*at)) {
            if let Some(kind) = column.unfit.clone() {
                let (map, column) = (map.name.clone(), column.name.clone());
                return Err(SqlError::Unfit { map, column, kind });
            }
        }
        plan.names = columns.into_iter().map(|column| column.name).collect();
    }
    Ok(plans)
}

impl<'m> Plan<'m> {
    /// That of a table's or query's own rows.
    fn alone(
        side: &Side<'m>,
        wanted: &Wanted,
        (subject, graphs, properties): (TermMap<usize>, Vec<TermMap<usize>>, Vec<Bound>),
    ) -> Self {
        let place = |column: &String| side.columns.iter().position(|own| own == column);
        let (sql, columns, key) = if side.is_query {
            let columns = wanted.columns.iter().filter_map(|(_, column)| place(column)).collect();
            // As it is written, so that its rows come in its order.
            let sql = side.from[1..side.from.len() - 1].to_owned();
            (sql, columns, Vec::new())
        } else {
            let named = wanted.columns.iter().map(|(_, column)| column);
            let selected: Vec<String> =
                named.chain(&side.key).map(|column| format!("t.{}", quoted(column))).collect();
            let selected =
                if selected.is_empty() { "NULL".to_owned() } else { selected.join(", ") };
            let sql = format!("SELECT {selected} FROM {} AS t", side.from);
            let count = wanted.columns.len();
            let key = side.key.iter().cloned().zip(count..).collect();
            (sql, (0..count).collect(), key)
        };
        let (map, classes) = (side.map, side.map.classes.as_slice());
        let names = Vec::new();
        Plan {
            map,
            sql,
            names,
            columns,
            key,
            is_numbered: true,
            subject,
            classes,
            graphs,
            properties,
        }
    }

    /// That of rows together with the rows of a parent.
    fn joined(
        database: &Database,
        (map, parent): (&'m TriplesMap, &'m TriplesMap),
        property: &Property,
        joins: &[(Name, Name)],
    ) -> Result<Self, SqlError> {
        let sides = [Side::of(database, map)?, Side::of(database, parent)?];
        let mut wanted = Wanted::default();
        let subject = bind(&map.subject, &sides, 0, &mut wanted)?;
        let graphs = bind_all(&map.graphs, &sides, &mut wanted)?;
        let predicates = bind_all(&property.predicates, &sides, &mut wanted)?;
        let objects = vec![bind(&parent.subject, &sides, 1, &mut wanted)?];
        let bound =
            Bound { predicates, objects, graphs: bind_all(&property.graphs, &sides, &mut wanted)? };
        let of = |side: usize, column: &str| format!("{}.{}", ["c", "p"][side], quoted(column));
        let mut selected: Vec<String> =
            wanted.columns.iter().map(|(side, column)| of(*side, column)).collect();
        selected.extend(sides[0].key.iter().map(|column| of(0, column)));
        let mut conditions = Vec::new();
        for (child, parent) in joins {
            let (child, parent) = (sides[0].column(child)?, sides[1].column(parent)?);
            conditions.push(format!("{} = {}", of(0, &child), of(1, &parent)));
        }
        if selected.is_empty() {
            selected.push("NULL".to_owned());
        }
        let sql = format!(
            "SELECT {} FROM {} AS c, {} AS p WHERE {}",
            selected.join(", "),
            sides[0].from,
            sides[1].from,
            conditions.join(" AND ")
        );
        let count = wanted.columns.len();
        let key = sides[0].key.iter().cloned().zip(count..).collect();
        let (columns, properties) = ((0..count).collect(), vec![bound]);
        Ok(Plan {
            map,
            sql,
            names: Vec::new(),
            columns,
            key,
            is_numbered: false,
            subject,
            classes: &[],
            graphs,
            properties,
        })
    }

    fn run(
        &self,
        database: &Database,
        base: &str,
        all: &mut u64,
        take: &mut Take<'_>,
    ) -> Result<(), SqlError> {
        let mut number: u64 = 0;
        let mut values: Vec<Option<Natural>> = Vec::with_capacity(self.columns.len());
        let mut take_row = |row: &[Cell]| {
            (number, *all) = (number + 1, *all + 1);
            if *all > database.limits.rows {
                return Err(SqlError::TooManyRows { most: database.limits.rows });
            }
            let place = self.place(database.name(), number, row);
            values.clear();
            let mut wrong = None;
            for at in &self.columns {
                match value(&row[*at]) {
                    Ok(found) => values.push(found),
                    Err(why) => {
                        wrong = Some(format!("column {} {why}", self.names[*at]));
                        break;
                    }
                }
            }
            match wrong {
                Some(why) => take(Err(why), &place),
                None => {
                    let made = self.row(&values, base, &mut |quad| take(Ok(quad), &place));
                    if let Err(why) = made {
                        take(Err(why), &place);
                    }
                }
            }
            Ok(())
        };
        let read = database.source.rows(&self.map.name, &self.sql, &mut take_row);
        read.map_err(|error| of_its_query(self.map, error))
    }

    /// Where a row is: `people.db:People/ID=7`, or `people.db:Query:3`.
    fn place(&self, database: &str, number: u64, row: &[Cell]) -> Arc<str> {
        let table = match &self.map.table {
            Table::Named(path) => path.last().map_or(&self.map.name, |name| &name.text),
            Table::Query(_) => &self.map.name,
        };
        let mut place = format!("{database}:{table}");
        let mut mark = '/';
        for (column, at) in &self.key {
            let text = match &row[*at] {
                Ok(Some(value)) => value.lexical.chars().take(PLACE).collect(),
                Ok(None) | Err(_) => "NULL".to_owned(),
            };
            let _ = write!(place, "{mark}{column}={text}");
            mark = ';';
        }
        if self.key.is_empty() && self.is_numbered {
            let _ = write!(place, ":{number}");
        }
        place.into()
    }

    /// The quads of a row.
    fn row(&self, row: &Row, base: &str, take: &mut dyn FnMut(Quad)) -> Result<(), String> {
        let subject = match self.subject.of_row(row, base)? {
            Some(Term::NamedNode(node)) => NamedOrBlankNode::NamedNode(node),
            Some(Term::BlankNode(node)) => NamedOrBlankNode::BlankNode(node),
            Some(_) | None => return Ok(()),
        };
        let own = graphs(&self.graphs, row, base)?;
        let mut say = |predicate: &NamedNode, object: &Term, graphs: &[GraphName]| {
            for graph in graphs {
                take(Quad::new(subject.clone(), predicate.clone(), object.clone(), graph.clone()));
            }
        };
        let in_default = [GraphName::DefaultGraph];
        let or_default = |graphs: &Vec<GraphName>, wanted: bool| match (graphs.is_empty(), wanted) {
            (true, false) => in_default.to_vec(),
            _ => graphs.clone(),
        };
        let typed = NamedNode::new_unchecked(TYPE);
        let subject_graphs = or_default(&own, !self.graphs.is_empty());
        for class in self.classes {
            say(&typed, &Term::NamedNode(class.clone()), &subject_graphs);
        }
        for property in &self.properties {
            let mut all = own.clone();
            all.extend(graphs(&property.graphs, row, base)?);
            let wanted = !self.graphs.is_empty() || !property.graphs.is_empty();
            let all = or_default(&all, wanted);
            for predicate in &property.predicates {
                let Some(Term::NamedNode(predicate)) = predicate.of_row(row, base)? else {
                    continue;
                };
                for object in &property.objects {
                    if let Some(object) = object.of_row(row, base)? {
                        say(&predicate, &object, &all);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The graphs that a row's quads are in.
fn graphs(maps: &[TermMap<usize>], row: &Row, base: &str) -> Result<Vec<GraphName>, String> {
    let mut graphs = Vec::new();
    for map in maps {
        if let Some(Term::NamedNode(graph)) = map.of_row(row, base)? {
            let name = match graph.as_str().strip_prefix(RR) {
                Some("defaultGraph") => GraphName::DefaultGraph,
                _ => GraphName::NamedNode(graph),
            };
            if !graphs.contains(&name) {
                graphs.push(name);
            }
        }
    }
    Ok(graphs)
}

/// The columns of a query that only selects.
fn columns(database: &Database, map: &TriplesMap, sql: &str) -> Result<Vec<ColumnShape>, SqlError> {
    let columns = database.source.columns(&map.name, sql);
    columns.map_err(|error| match error {
        SqlError::Read { why, .. } | SqlError::Refused { why, .. } => {
            SqlError::Query { map: map.name.clone(), why }
        }
        other => other,
    })
}

/// Has an error say that it is in the mapping's own query, if there is one.
fn of_its_query(map: &TriplesMap, error: SqlError) -> SqlError {
    match (error, &map.table) {
        (SqlError::Read { why, .. } | SqlError::Refused { why, .. }, Table::Query(_)) => {
            SqlError::Query { map: map.name.clone(), why }
        }
        (other, _) => other,
    }
}

/// A value that is not longer than what is read.
fn value(cell: &Cell) -> Result<Option<Natural>, String> {
    match cell {
        Ok(Some(natural)) if natural.lexical.len() > LONGEST => {
            Err(format!("has a value that is longer than {} MiB", LONGEST >> 20))
        }
        other => other.clone(),
    }
}
