//! Commits as activities of W3C PROV, and facts as statements that were read somewhere, so that a query can ask who did
//! what and when, and where it is from.

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    citing::CitationView,
    view::{CommitView, FactCounts, StepView},
};
use crate::{
    commit::Commit,
    fact::{Fact, FactKey, Iri, LABEL, Literal, NAMESPACE, Term},
    id::Id,
};

const PROV: &str = "http://www.w3.org/ns/prov#";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const DCTERMS: &str = "http://purl.org/dc/terms/";
const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// What is said of one commit.
pub(crate) struct Activity<'a> {
    pub(crate) commit: &'a CommitView,
    pub(crate) facts: FactCounts,
    /// Shares of what was measured, by their names.
    pub(crate) rates: [(&'static str, Option<f64>); 3],
}

/// The name of a commit, which is that of its graph too.
pub(crate) fn commit_iri(id: Id<Commit>) -> Iri {
    iri(&format!("kledger:{id}"))
}

/// Where a fact was read that a commit set, as triples about the statement of it.
pub(crate) fn quotation(
    (key, fact): (FactKey, &Fact),
    commit: Id<Commit>,
    citation: &CitationView,
) -> Vec<Fact> {
    let subject = iri(&format!("kledger:statement/{key}"));
    let text = |text: &str| Term::Literal(Literal::text(text));
    let said =
        |name: String, object| Fact { subject: subject.clone(), predicate: iri(&name), object };
    let mut facts = vec![
        said(TYPE.to_owned(), Term::Iri(iri(&format!("{RDF}Statement")))),
        said(format!("{RDF}subject"), Term::Iri(fact.subject.clone())),
        said(format!("{RDF}predicate"), Term::Iri(fact.predicate.clone())),
        said(format!("{RDF}object"), fact.object.clone()),
        said(format!("{PROV}wasGeneratedBy"), Term::Iri(commit_iri(commit))),
        said(format!("{NAMESPACE}place"), text(&citation.place)),
    ];
    for (name, quoted) in [("sentence", &citation.sentence), ("query", &citation.query)] {
        facts.extend(quoted.iter().map(|quoted| said(format!("{NAMESPACE}{name}"), text(quoted))));
    }
    for (name, words) in [("source", &citation.source), ("license", &citation.licence)] {
        facts.extend(words.iter().map(|words| said(format!("{DCTERMS}{name}"), reference(words))));
    }
    facts
}

/// What a user names: by its address, or in words.
fn reference(words: &str) -> Term {
    let address = ["http://", "https://", "urn:"].iter().any(|start| words.starts_with(start));
    let address = if address { Iri::new(words).ok() } else { None };
    address.map_or_else(|| Term::Literal(Literal::text(words)), Term::Iri)
}

impl Activity<'_> {
    /// That as triples.
    pub(crate) fn triples(&self) -> Vec<Fact> {
        let commit = self.commit;
        let subject = commit_iri(commit.id);
        let mut facts = Vec::new();
        let mut say = |subject: &Iri, predicate: &str, object: Term| {
            facts.push(Fact { subject: subject.clone(), predicate: iri(predicate), object });
        };
        let prov = |name: &str| format!("{PROV}{name}");
        let kl = |name: &str| format!("{NAMESPACE}{name}");
        let typed = |value: &str, kind: &str| {
            Term::Literal(Literal::typed(value, iri(&format!("{XSD}{kind}"))))
        };
        let summary = commit.message.lines().next().unwrap_or_default();
        say(&subject, TYPE, Term::Iri(iri(&prov("Activity"))));
        say(&subject, LABEL, Term::Literal(Literal::text(summary)));
        say(&subject, &kl("message"), Term::Literal(Literal::text(&commit.message)));
        if let Ok(time) = Timestamp::from_millisecond(commit.time) {
            say(&subject, &prov("startedAtTime"), typed(&time.to_string(), "dateTime"));
        }
        let (agent, name) = agent(&commit.author);
        say(&subject, &prov("wasAssociatedWith"), Term::Iri(agent.clone()));
        say(&agent, TYPE, Term::Iri(iri(&prov("Agent"))));
        say(&agent, LABEL, Term::Literal(Literal::text(&name)));
        for parent in &commit.parents {
            let parent = Term::Iri(commit_iri(*parent));
            say(&subject, &prov("wasInformedBy"), parent.clone());
            say(&subject, &kl("parent"), parent);
        }
        say(&subject, &kl("step"), Term::Literal(Literal::text(step(&commit.step))));
        for name in &commit.refs {
            say(&subject, &kl("ref"), Term::Literal(Literal::text(name)));
        }
        let FactCounts { added, removed, replaced } = self.facts;
        for (name, count) in
            [("factsAdded", added), ("factsRemoved", removed), ("factsReplaced", replaced)]
        {
            say(&subject, &kl(name), typed(&count.to_string(), "integer"));
        }
        for (name, rate) in self.rates {
            if let Some(rate) = rate {
                say(&subject, &kl(name), typed(&rate.to_string(), "decimal"));
            }
        }
        facts
    }
}

const fn step(step: &StepView) -> &'static str {
    match step {
        StepView::Root => "root",
        StepView::Edit => "edit",
        StepView::Revert { .. } => "revert",
        StepView::Merge => "merge",
        StepView::Pick { .. } => "pick",
        StepView::Consolidate => "consolidate",
        StepView::Repair => "repair",
        StepView::Import { .. } => "import",
    }
}

/// Who an author is, by mail where there is any, and what the author is called.
fn agent(author: &str) -> (Iri, String) {
    let (name, mail) = author.split_once(" <").unwrap_or((author, ""));
    let mail = mail.strip_suffix('>').filter(|mail| mail.contains('@'));
    let by_mail = mail.and_then(|mail| Iri::new(&format!("mailto:{mail}")).ok());
    let by_name =
        || iri(&format!("kledger:author/{}", utf8_percent_encode(name, NON_ALPHANUMERIC)));
    (by_mail.unwrap_or_else(by_name), name.to_owned())
}

fn iri(text: &str) -> Iri {
    Iri::new(text).expect("because a namespace and a name of ASCII are an IRI")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_are_agents() {
        let found = |author: &str| agent(author).0.as_str().to_owned();
        assert_eq!(found("Ada <ada@example.org>"), "mailto:ada@example.org");
        assert_eq!(found("Ada L. <nobody>"), "kledger:author/Ada%20L%2E");
        assert_eq!(found("\u{1b}<> \""), "kledger:author/%1B%3C%3E%20%22");
        assert_eq!(agent("Ada <ada@example.org>").1, "Ada");
    }
}
