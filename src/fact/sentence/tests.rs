use super::*;

fn iri(name: &str) -> Iri {
    Iri::new(&format!("https://example.org/{}", name.replace(' ', "_"))).unwrap()
}

const TEMPLATES: &[(&str, &str)] = &[
    ("capital", "The capital of {subject} is"),
    ("location", "The {subject} is located in the city of"),
    ("location", "{subject} stands in the city of"),
    ("wrote", "The author of {subject} is"),
    ("symbol", "The symbol for {subject} is"),
    ("born", "{subject} was born in"),
];

const THINGS: &[&str] = &[
    "France",
    "Paris",
    "New York",
    "York",
    "Eiffel Tower",
    "the Hague",
    "Washington, D.C.",
    "Nitrogen",
    "N",
    "John F. Kennedy",
    "Kennedy",
    "Dr. No",
    "Ian Fleming",
    "Turkey",
    "São Paulo",
];

fn interpreter() -> Interpreter {
    let named = |name: &str, thing| (name.to_owned(), Meaning::Thing(thing));
    let names = THINGS.iter().map(|name| named(name, iri(name)));
    let value = |predicate| Meaning::Value(iri(predicate), Literal::text("York"));
    let more = [
        named("turkey", iri("bird")),
        named("Paris", iri("Paris, Texas")),
        ("right".to_owned(), Meaning::Value(iri("symbol"), Literal::text("right"))),
        ("York minster".to_owned(), value("born")),
    ];
    let templates =
        TEMPLATES.iter().map(|(predicate, text)| (iri(predicate), (*text).to_owned(), false));
    Interpreter::new(names.chain(more), templates, |_| false)
}

/// What a sentence says, in short.
fn said(sentence: &str) -> Result<Vec<String>, Unread> {
    let short = |iri: &Iri| iri.as_str().replace("https://example.org/", "");
    let proposals = interpreter().interpret(sentence)?;
    let show = |proposal: Proposal| {
        let object = match &proposal.fact.object {
            Term::Iri(object) => short(object),
            Term::Literal(value) => format!("{:?}", value.lexical),
        };
        let Fact { subject, predicate, .. } = &proposal.fact;
        let loosely = if proposal.is_exact { "" } else { " loosely" };
        format!("{} {} {object}{loosely}", short(subject), short(predicate))
    };
    Ok(proposals.into_iter().map(show).collect())
}

#[track_caller]
fn says(sentence: &str, fact: &str) {
    assert_eq!(said(sentence).unwrap(), [fact], "{sentence}");
}

#[test]
fn templates_are_read_backwards() {
    says("The Eiffel Tower is located in the city of New York.", "Eiffel_Tower location New_York");
    says("the eiffel tower stands in the city of the hague", "Eiffel_Tower location the_Hague");
    says("Eiffel Tower  is located in the city of   São Paulo!", "Eiffel_Tower location São_Paulo");
    says("The capital of France is Washington, D.C.", "France capital Washington,_D.C.");
    says("The symbol for Nitrogen is N.", "Nitrogen symbol N");
    says("John F. Kennedy was born in York", "John_F._Kennedy born York");
}

#[test]
fn values_are_known_by_the_predicates_that_have_them() {
    says("The symbol for Nitrogen is right.", "Nitrogen symbol \"right\"");
    assert!(said("The capital of France is right.").is_err());
    // A value is no subject.
    assert!(said("The capital of right is York.").is_err());
}

#[test]
fn capitals_tell_names_apart() {
    says("The capital of Turkey is York.", "Turkey capital York");
    says("The capital of turkey is York.", "bird capital York");
    assert_eq!(said("The capital of TURKEY is York.").unwrap().len(), 2);
}

#[test]
fn what_is_ambiguous_is_all_there() {
    let both = ["France capital Paris", "France capital Paris,_Texas"];
    assert_eq!(said("The capital of France is Paris.").unwrap(), both);
}

#[test]
fn fillers_may_differ_and_are_told() {
    let loosely = said("Eiffel Tower stands in the city of York today.");
    assert!(loosely.is_err(), "what comes after the object is none of the frame");
    says(
        "Today the Eiffel Tower stands in the city of York.",
        "Eiffel_Tower location York loosely",
    );
    says("The author of Dr. No is called Ian Fleming.", "Dr._No wrote Ian_Fleming loosely");
}

#[test]
fn hedges_and_negations_are_refused() {
    for (sentence, word) in [
        ("The Eiffel Tower is not located in the city of York.", "not"),
        ("The Eiffel Tower isn't located in the city of York.", "isn't"),
        ("The Eiffel Tower isn’t located in the city of York.", "isn't"),
        ("Perhaps the capital of France is York.", "perhaps"),
        ("The capital of France may be York.", "may"),
        ("It is said that the capital of France is York.", "said"),
        ("The capital of France was York.", "was"),
        ("It is false that the capital of France is York.", "false"),
    ] {
        assert_eq!(said(sentence), Err(Unread::Hedged(word.to_owned())), "{sentence}");
    }
    assert_eq!(said("The capital of France is York?"), Err(Unread::Question));
}

#[test]
fn nothing_else_is_understood() {
    let names = |a: &str, b: &str| Err(Unread::NoTemplate(a.to_owned(), b.to_owned()));
    // The other way round it is another fact.
    assert_eq!(said("York is the capital of France."), names("York", "France"));
    assert_eq!(said("The capital of France is York and New York."), names("France", "New York"));
    assert_eq!(
        said("The capital of France is Yorkshire."),
        Err(Unread::NoNames(Some("France".to_owned())))
    );
    assert_eq!(said("Nothing here."), Err(Unread::NoNames(None)));
    assert_eq!(said(""), Err(Unread::NoNames(None)));
    let long = format!("The capital of France is {}York.", "very ".repeat(500));
    assert_eq!(said(&long), Err(Unread::TooLong));
}

/// Names that hold one another do not take for ever.
#[test]
fn hostile_names_end() {
    let thing = |n: u32| Meaning::Thing(iri(&n.to_string()));
    let names = (1..200).map(|n| (vec!["a"; n as usize].join(" "), thing(n)));
    let templates = [(iri("p"), "{subject} is".to_owned(), false)];
    let interpreter = Interpreter::new(names, templates, |_| false);
    let sentence = format!("{} is a", vec!["a"; 900].join(" "));
    assert_eq!(interpreter.interpret(&sentence), Err(Unread::TooLong));
    assert_eq!(interpreter.interpret("a is a a").unwrap().len(), 1);
}

#[test]
fn predicates_with_facts_and_templates_of_the_user_go_first() {
    let names = ["A", "B"].map(|name| (name.to_owned(), Meaning::Thing(iri(name))));
    let template = "{subject} lies in".to_owned();
    let templates = [("shipped", true), ("own", false), ("used", true)]
        .map(|(predicate, is_shipped)| (iri(predicate), template.clone(), is_shipped));
    let predicates = |used: &[&str]| {
        let used: Vec<Iri> = used.iter().map(|name| iri(name)).collect();
        let all = templates.clone();
        let interpreter = Interpreter::new(names.clone(), all, |iri| used.contains(iri));
        let proposals = interpreter.interpret("A lies in B").unwrap();
        proposals.into_iter().map(|proposal| proposal.fact.predicate).collect::<Vec<_>>()
    };
    assert_eq!(predicates(&["used"]), [iri("used")]);
    assert_eq!(predicates(&[]), [iri("own")]);
    assert_eq!(predicates(&["used", "own"]), [iri("own"), iri("used")]);
}

#[test]
fn texts_are_split_where_sentences_end() {
    let text = "The symbol for Nitrogen is N. John F. Kennedy met Mr. Smith\nin Washington, D.C. yesterday. \
                \u{201c}Really?\u{201d} Yes.\n\nJ. R. R. Tolkien wrote. Dr. No is a book, approx. 3.5 cm thick\n\n***\n";
    let found = interpreter().sentences(text);
    let found: Vec<(u64, &str)> = found.iter().map(|found| (found.line, &*found.text)).collect();
    assert_eq!(
        found,
        [
            (1, "The symbol for Nitrogen is N."),
            (1, "John F. Kennedy met Mr. Smith in Washington, D.C. yesterday."),
            (2, "\u{201c}Really?\u{201d}"),
            (2, "Yes."),
            (4, "J. R. R. Tolkien wrote."),
            (4, "Dr. No is a book, approx. 3.5 cm thick"),
        ]
    );
}
