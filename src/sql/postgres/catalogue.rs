//! The tables of a database, as its catalogue has them.

use std::collections::BTreeMap;

use ::postgres::{Client, Error, Row};

use super::super::database::{ForeignKey, TableShape};

/// Tables and views that are not the server's own; those of the search path come first.
const TABLES: &str = "\
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, pg_table_is_visible(c.oid), \
       c.relkind IN ('r', 'p') AND NOT c.relispartition \
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
ORDER BY pg_table_is_visible(c.oid) DESC, n.nspname, c.relname";
const COLUMNS: &str = "\
SELECT a.attrelid, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
ORDER BY a.attrelid, a.attnum";
/// Primary and foreign keys, with their columns in order.
const KEYS: &str = "\
SELECT k.conrelid, k.contype::text, n.nspname::text, f.relname::text, \
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place) \
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place), \
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place) \
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) \
FROM pg_constraint k LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace n ON n.oid = f.relnamespace \
WHERE k.contype IN ('p', 'f') ORDER BY k.conrelid, k.conname";

/// Where a row is stored. Parts of a table that is divided are tables of their own.
const PLACE: &[&str] = &["ctid"];
const PLACE_IN_PARTS: &[&str] = &["tableoid", "ctid"];

/// All tables and views.
pub(super) fn tables(client: &mut Client) -> Result<Vec<TableShape>, Error> {
    let (mut tables, mut numbers) = (Vec::new(), BTreeMap::new());
    for row in client.query(TABLES, &[])? {
        let kind: &str = row.get(3);
        numbers.insert(row.get::<_, u32>(0), tables.len());
        tables.push(TableShape {
            schema: row.get(1),
            name: row.get(2),
            is_visible: row.get(4),
            is_direct: row.get::<_, bool>(4) && row.get::<_, bool>(5),
            columns: Vec::new(),
            key: Vec::new(),
            row_ids: match kind {
                "r" | "m" => PLACE,
                "p" => PLACE_IN_PARTS,
                _ => &[],
            },
            foreign_keys: Vec::new(),
        });
    }
    let of = |row: &Row| numbers.get(&row.get::<_, u32>(0)).copied();
    for row in client.query(COLUMNS, &[])? {
        if let Some(table) = of(&row) {
            tables[table].columns.push(row.get(1));
        }
    }
    for row in client.query(KEYS, &[])? {
        let (kind, columns): (&str, Vec<String>) = (row.get(1), row.get(4));
        match (of(&row), kind) {
            (Some(table), "p") => tables[table].key = columns,
            (Some(table), _) => {
                let parent = (row.get(2), row.get(3));
                let key = ForeignKey { columns, table: parent, parents: row.get(5) };
                tables[table].foreign_keys.push(key);
            }
            (None, _) => {}
        }
    }
    Ok(tables)
}
