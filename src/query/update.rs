//! The text of an update: facts that go and come, as they are written down or as a pattern finds them.

use spargebra::{
    GraphUpdateOperation, Query,
    algebra::GraphPattern,
    term::{
        GraphName, GraphNamePattern, GroundQuad, GroundQuadPattern, NamedOrBlankNode, Quad,
        QuadPattern, Term, TermPattern, TriplePattern,
    },
};

use super::{
    QueryError,
    text::{Text, bounded, large_stack, parser, syntax},
};

/// An update that parses and changes facts alone.
pub struct Update {
    /// What it does, one after the other.
    pub steps: Vec<Step>,
}

/// A part of an update.
pub enum Step {
    /// These go, lines of N-Triples.
    Delete(Vec<String>),
    /// These come, lines of N-Triples.
    Insert(Vec<String>),
    /// What the first query puts together goes, then comes what the second does.
    Where {
        /// Puts together what goes.
        delete: Option<Box<Text>>,
        /// Puts together what comes.
        insert: Option<Box<Text>>,
    },
}

impl Update {
    /// Reads an update, in which common prefixes need not be declared.
    ///
    /// # Errors
    /// When it is too long or too deep, does not parse, would ask another server, or changes anything but facts.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let text = bounded(text)?;
        large_stack(move || {
            let update = parser().parse_update(&text).map_err(|error| syntax(&error))?;
            let steps = update.operations.into_iter().map(step).collect::<Result<_, _>>()?;
            Ok(Self { steps })
        })?
    }
}

fn step(operation: GraphUpdateOperation) -> Result<Step, QueryError> {
    let refused = |what: &str| Err(QueryError::NoUpdate { what: what.to_owned() });
    match operation {
        GraphUpdateOperation::InsertData { data } => {
            Ok(Step::Insert(data.iter().map(written).collect::<Result<_, _>>()?))
        }
        GraphUpdateOperation::DeleteData { data } => {
            Ok(Step::Delete(data.iter().map(ground).collect::<Result<_, _>>()?))
        }
        GraphUpdateOperation::DeleteInsert { delete, insert, using, pattern } => {
            let delete = delete.into_iter().map(goes).collect::<Result<Vec<_>, _>>()?;
            let insert = insert.into_iter().map(comes).collect::<Result<Vec<_>, _>>()?;
            let text = |template: Vec<TriplePattern>, pattern: GraphPattern| {
                let dataset = using.clone();
                let query = Query::Construct { template, dataset, pattern, base_iri: None };
                Text::of(query).map(Box::new)
            };
            let deletes = !delete.is_empty();
            Ok(match insert.is_empty() {
                true => Step::Where { delete: Some(text(delete, *pattern)?), insert: None },
                false => Step::Where {
                    delete: if deletes { Some(text(delete, (*pattern).clone())?) } else { None },
                    insert: Some(text(insert, *pattern)?),
                },
            })
        }
        GraphUpdateOperation::Load { source, .. } => {
            Err(QueryError::Load { what: "LOAD", name: source.to_string() })
        }
        GraphUpdateOperation::Clear { .. } => refused("CLEAR"),
        GraphUpdateOperation::Create { .. } => refused("CREATE"),
        GraphUpdateOperation::Drop { .. } => refused("DROP, COPY or MOVE"),
    }
}

fn blank() -> QueryError {
    QueryError::NoUpdate { what: "a blank node in what comes".to_owned() }
}

fn graph(name: &impl ToString) -> QueryError {
    QueryError::NoUpdate { what: format!("a change of the graph {}", name.to_string()) }
}

fn written(quad: &Quad) -> Result<String, QueryError> {
    if let GraphName::NamedNode(name) = &quad.graph_name {
        return Err(graph(name));
    }
    match (&quad.subject, &quad.object) {
        (NamedOrBlankNode::BlankNode(_), _) | (_, Term::BlankNode(_)) => Err(blank()),
        (subject, object) => Ok(format!("{subject} {} {object} .", quad.predicate)),
    }
}

fn ground(quad: &GroundQuad) -> Result<String, QueryError> {
    match &quad.graph_name {
        GraphName::NamedNode(name) => Err(graph(name)),
        GraphName::DefaultGraph => {
            Ok(format!("{} {} {} .", quad.subject, quad.predicate, quad.object))
        }
    }
}

fn goes(quad: GroundQuadPattern) -> Result<TriplePattern, QueryError> {
    let GroundQuadPattern { subject, predicate, object, graph_name } = quad;
    in_default(&graph_name)?;
    Ok(TriplePattern { subject: subject.into(), predicate, object: object.into() })
}

fn comes(quad: QuadPattern) -> Result<TriplePattern, QueryError> {
    let QuadPattern { subject, predicate, object, graph_name } = quad;
    in_default(&graph_name)?;
    if [&subject, &object].iter().any(|term| matches!(term, TermPattern::BlankNode(_))) {
        return Err(blank());
    }
    Ok(TriplePattern { subject, predicate, object })
}

fn in_default(name: &GraphNamePattern) -> Result<(), QueryError> {
    match name {
        GraphNamePattern::DefaultGraph => Ok(()),
        GraphNamePattern::NamedNode(name) => Err(graph(name)),
        GraphNamePattern::Variable(name) => Err(graph(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        match Update::parse(text) {
            Ok(update) => panic!("{text} is {} steps", update.steps.len()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn data_is_lines_of_n_triples() {
        let update = Update::parse(
            "INSERT DATA { dbr:A dbo:p \"é\"@fr, 1 } ; DELETE DATA { dbr:A dbo:p dbr:B }",
        );
        let [Step::Insert(comes), Step::Delete(goes)] = &update.unwrap().steps[..] else {
            panic!("two steps")
        };
        let predicate = "<http://dbpedia.org/resource/A> <http://dbpedia.org/ontology/p>";
        assert_eq!(comes[0], format!("{predicate} \"é\"@fr ."));
        assert!(comes[1].ends_with("\"1\"^^<http://www.w3.org/2001/XMLSchema#integer> ."));
        assert_eq!(*goes, [format!("{predicate} <http://dbpedia.org/resource/B> .")]);
    }

    #[test]
    fn what_is_no_change_of_facts_is_refused_by_name() {
        for (text, name) in [
            ("LOAD <http://a.b/c>", "LOAD <http://a.b/c>"),
            ("CLEAR ALL", "CLEAR"),
            ("CREATE GRAPH <http://a.b/c>", "CREATE"),
            ("DROP DEFAULT", "DROP"),
            ("COPY <http://a.b/c> TO <http://a.b/d>", "DROP"),
            ("INSERT DATA { GRAPH <http://a.b/c> { dbr:A dbo:p 1 } }", "the graph <http://a.b/c>"),
            ("DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }", "the graph ?g"),
            (
                "WITH <http://a.b/c> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
                "the graph <http://a.b/c>",
            ),
            ("INSERT DATA { _:b dbo:p 1 }", "a blank node"),
            ("INSERT { ?s dbo:p [] } WHERE { ?s ?p ?o }", "a blank node"),
            ("INSERT { ?s dbo:p 1 } WHERE { SERVICE <http://a.b/c> { ?s ?p ?o } }", "SERVICE"),
            ("SELECT * { ?s ?p ?o }", "does not parse"),
        ] {
            let why = refused(text);
            assert!(why.contains(name), "{text}: {why}");
        }
        let deep = format!(
            "DELETE {{ ?s ?p ?o }} WHERE {{ FILTER({}1{}) }}",
            "(".repeat(500),
            ")".repeat(500)
        );
        assert!(refused(&deep).contains("within one another"));
    }

    #[test]
    fn patterns_are_queries() {
        let update =
            Update::parse("DELETE { ?s dbo:p ?o } INSERT { ?s dbo:q ?o } WHERE { ?s dbo:p ?o }");
        let [Step::Where { delete: Some(_), insert: Some(_) }] = &update.unwrap().steps[..] else {
            panic!("both")
        };
        let update = Update::parse("DELETE WHERE { ?s dbo:p ?o }").unwrap();
        assert!(matches!(&update.steps[..], [Step::Where { delete: Some(_), insert: None }]));
    }
}
