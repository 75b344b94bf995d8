//! What a query names: graphs, functions, and servers that it would have asked.

use std::collections::BTreeSet;

use spargebra::{
    Query,
    algebra::{
        AggregateExpression, Expression, Function, GraphPattern, OrderExpression, QueryDataset,
    },
    term::NamedNodePattern,
};

use super::QueryError;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Graphs whose triples are asked.
    pub(super) graphs: BTreeSet<String>,
    /// Graphs that the dataset is to be made of.
    pub(super) sources: BTreeSet<String>,
    /// Functions that are not SPARQL's own.
    pub(super) functions: BTreeSet<String>,
}

/// Looks through a query. It calls itself for each part of the query: on a large stack.
pub(super) fn query(query: &Query) -> Result<Found, QueryError> {
    let (Query::Select { dataset, pattern, .. }
    | Query::Construct { dataset, pattern, .. }
    | Query::Describe { dataset, pattern, .. }
    | Query::Ask { dataset, pattern, .. }) = query;
    let mut found = Found::default();
    found.dataset(dataset.as_ref());
    found.pattern(pattern)?;
    Ok(found)
}

impl Found {
    pub(super) fn dataset(&mut self, dataset: Option<&QueryDataset>) {
        let Some(QueryDataset { default, named }) = dataset else { return };
        let names = default.iter().chain(named.iter().flatten());
        self.sources.extend(names.map(|name| name.as_str().to_owned()));
    }

    pub(super) fn pattern(&mut self, pattern: &GraphPattern) -> Result<(), QueryError> {
        match pattern {
            GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => {}
            GraphPattern::Join { left, right }
            | GraphPattern::Union { left, right }
            | GraphPattern::Lateral { left, right }
            | GraphPattern::Minus { left, right } => {
                self.pattern(left)?;
                self.pattern(right)?;
            }
            GraphPattern::LeftJoin { left, right, expression } => {
                self.pattern(left)?;
                self.pattern(right)?;
                self.all(expression)?;
            }
            GraphPattern::Filter { expr, inner } => {
                self.expression(expr)?;
                self.pattern(inner)?;
            }
            GraphPattern::Graph { name, inner } => {
                if let NamedNodePattern::NamedNode(name) = name {
                    self.graphs.insert(name.as_str().to_owned());
                }
                self.pattern(inner)?;
            }
            GraphPattern::Extend { inner, expression, .. } => {
                self.expression(expression)?;
                self.pattern(inner)?;
            }
            GraphPattern::OrderBy { inner, expression } => {
                for order in expression {
                    let (OrderExpression::Asc(by) | OrderExpression::Desc(by)) = order;
                    self.expression(by)?;
                }
                self.pattern(inner)?;
            }
            GraphPattern::Project { inner, .. }
            | GraphPattern::Distinct { inner }
            | GraphPattern::Reduced { inner }
            | GraphPattern::Slice { inner, .. } => self.pattern(inner)?,
            GraphPattern::Group { inner, aggregates, .. } => {
                for (_, aggregate) in aggregates {
                    if let AggregateExpression::FunctionCall { expr, .. } = aggregate {
                        self.expression(expr)?;
                    }
                }
                self.pattern(inner)?;
            }
            GraphPattern::Service { name, .. } => {
                return Err(QueryError::Service { name: name.to_string() });
            }
        }
        Ok(())
    }

    fn all<'a>(
        &mut self,
        expressions: impl IntoIterator<Item = &'a Expression>,
    ) -> Result<(), QueryError> {
        expressions.into_iter().try_for_each(|expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &Expression) -> Result<(), QueryError> {
        match expression {
            Expression::NamedNode(_)
            | Expression::Literal(_)
            | Expression::Variable(_)
            | Expression::Bound(_) => Ok(()),
            Expression::Or(a, b)
            | Expression::And(a, b)
            | Expression::Equal(a, b)
            | Expression::SameTerm(a, b)
            | Expression::Greater(a, b)
            | Expression::GreaterOrEqual(a, b)
            | Expression::Less(a, b)
            | Expression::LessOrEqual(a, b)
            | Expression::Add(a, b)
            | Expression::Subtract(a, b)
            | Expression::Multiply(a, b)
            | Expression::Divide(a, b) => self.all([&**a, &**b]),
            Expression::UnaryPlus(a) | Expression::UnaryMinus(a) | Expression::Not(a) => {
                self.expression(a)
            }
            Expression::In(a, list) => {
                self.expression(a)?;
                self.all(list)
            }
            Expression::Exists(pattern) => self.pattern(pattern),
            Expression::If(a, b, c) => self.all([&**a, &**b, &**c]),
            Expression::Coalesce(list) => self.all(list),
            Expression::FunctionCall(function, arguments) => {
                if let Function::Custom(name) = function {
                    self.functions.insert(name.as_str().to_owned());
                }
                self.all(arguments)
            }
        }
    }
}
