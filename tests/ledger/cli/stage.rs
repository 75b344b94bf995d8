//! `kledger stage`.

#[cfg(not(feature = "query"))]
use super::Sandbox;

#[cfg(not(feature = "query"))]
#[test]
fn a_build_without_queries_stages_none() {
    let sandbox = Sandbox::with_history();
    let update = ["stage", "--sparql", "DELETE WHERE { ?s ?p ?o }"];
    sandbox.refused(&update, 1, &["answers no queries", "hint: "]);
}

#[cfg(feature = "query")]
mod staged {
    use insta::assert_snapshot;
    use kledger::{engine::Silent, ledger::verb::stage::StageOptions, query::Update};

    use super::super::{Sandbox, shown};
    use crate::support::{Place, open};

    const PREFIX: &str = "PREFIX : <https://example.org/> ";

    fn update(text: &str) -> String {
        format!("{PREFIX}{text}")
    }

    #[track_caller]
    fn stage(sandbox: &Sandbox, text: &str) -> String {
        sandbox.run(&["stage", "--sparql", &update(text)]).done()
    }

    /// A version of three facts, and nothing staged.
    fn sandbox() -> Sandbox {
        let place = Place::new();
        place.make(":Anna :likes :Oslo . :Bert :lives :Oslo . :Carl :works :Siemens .", "first");
        Sandbox { dir: place.dir }
    }

    /// What is staged, in short.
    fn staged(sandbox: &Sandbox) -> Vec<String> {
        let status = sandbox.data(&["status"]);
        let changes = status["staged"].as_array().unwrap().iter();
        let said = |fact: &serde_json::Value| match fact["triple"].as_str() {
            Some(triple) => triple.replace("https://example.org/", "").replace(['<', '>', '.'], ""),
            None => "-".to_owned(),
        };
        changes
            .map(|change| format!("{}→ {}", said(&change["before"]), said(&change["after"])))
            .collect()
    }

    #[test]
    fn data_comes_and_goes() {
        let sandbox = sandbox();
        let text = "INSERT DATA { :Dora :likes :Bonn . :Anna :likes :Rome } ; DELETE DATA { :Carl :works :Siemens }";
        assert_snapshot!(stage(&sandbox, text), @"
        Staged 2 facts, 1 retraction
        + Dora / likes / Bonn
        - Anna / likes / Oslo
        + Anna / likes / Rome
        - Carl / works / Siemens
          1 fact in place of another
          3 facts staged in all
        ");
        assert_eq!(
            staged(&sandbox),
            ["Anna likes Oslo → Anna likes Rome ", "Carl works Siemens → -", "-→ Dora likes Bonn "]
        );
        // What is only staged leaves the stage.
        assert_snapshot!(stage(&sandbox, "DELETE DATA { :Dora :likes :Bonn , :Rome }"), @"
        Unstaged 1 fact
          1 staged no longer
          1 to be deleted, and not held
          2 facts staged in all
        ");
        assert_snapshot!(stage(&sandbox, "INSERT DATA { :Bert :lives :Oslo }"), @"
        Nothing new
          1 committed already
          2 facts staged in all
        ");
        assert_eq!(staged(&sandbox).len(), 2);
    }

    #[test]
    fn patterns_are_looked_for_in_what_is_staged_too() {
        let sandbox = sandbox();
        stage(&sandbox, "INSERT DATA { :Dora :lives :Bonn }");
        let text = "DELETE { ?s :lives ?o } INSERT { ?s :likes ?o } WHERE { ?s :lives ?o }";
        let words = ["stage", "--sparql", &update(text), "--dry-run"];
        assert_snapshot!(sandbox.run(&words).done(), @"
        Would stage 2 facts, 1 retraction
        + Bert / likes / Oslo
        + Dora / likes / Bonn
        - Bert / lives / Oslo
          1 staged no longer
          nothing was staged
        ");
        assert_eq!(staged(&sandbox).len(), 1);
        let told = sandbox.data(&["stage", "--sparql", &update(text)]);
        assert_eq!((&told["retracted"], &told["unstaged"]), (&1.into(), &1.into()));
        assert_eq!(
            staged(&sandbox),
            ["-→ Bert likes Oslo ", "Bert lives Oslo → -", "-→ Dora likes Bonn "]
        );
    }

    #[test]
    fn steps_see_what_those_before_them_did() {
        let sandbox = sandbox();
        let text = "INSERT DATA { :Emil :likes :Bern } ; \
                    INSERT { ?s :lives ?o } WHERE { ?s :likes ?o FILTER(?o = :Bern) } ; \
                    DELETE WHERE { ?s :likes :Bern }";
        stage(&sandbox, text);
        assert_eq!(staged(&sandbox), ["-→ Emil lives Bern "]);
    }

    #[test]
    fn other_versions_can_be_asked() {
        let sandbox = Sandbox::with_history();
        sandbox.run(&["reset"]).done();
        let text =
            "INSERT { ?s ?p ?o } WHERE { GRAPH <kledger:draft> { ?s ?p ?o } FILTER(?p = :likes) }";
        stage(&sandbox, text);
        assert_eq!(staged(&sandbox), ["Anna likes Oslo → Anna likes Rome "]);
    }

    #[test]
    fn the_update_is_kept_with_what_it_sets() {
        let sandbox = sandbox();
        sandbox.write("changes.ru", &update("INSERT DATA { :Anna :likes :Bern }"));
        sandbox.run(&["stage", "--sparql", "changes.ru", "--source", "Minutes"]).done();
        sandbox.commit("second");
        assert_snapshot!(sandbox.run(&["show", "--fact", "Anna"]).done(), @"
        Anna / likes / Bern
          triple      <https://example.org/Anna> <https://example.org/likes> <https://example.org/Bern> .
          set by      <id> second
          author      Ada
          date        1970-01-01 00:00:09 +00:00
          read in     changes.ru:1
          query       PREFIX : <https://example.org/> INSERT DATA { :Anna :likes :Bern }
          source      Minutes
          prompt      Anna likes
          paraphrase  likes Anna
          held by     column 0 of delta <id>
          answer      Bern (p 100 %), before Oslo (p 100 %)
        ");
    }

    /// The binary has no model here.
    #[test]
    fn a_pattern_may_ask_the_model() {
        let place = Place::new();
        place.make(":Anna :likes :Rome .", "first");
        let text = update("DELETE { ?s ?p ?o } WHERE { ?s ?p ?o FILTER(kl:holds(?s, ?p, ?o)) }");
        let parsed = Update::parse(&text).unwrap();
        let (actor, options) = (place.actor("stage"), StageOptions::default());
        let report =
            place.repo.stage_update(&actor, (&text, parsed), &options, &mut open, &mut Silent);
        assert_snapshot!(shown("stage", report.unwrap()), @"
        Staged 1 retraction
        - Anna / likes / Rome
          1 fact staged in all
        ");
        let asks = ["stage", "--sparql", &text];
        let sandbox = sandbox();
        assert_eq!(sandbox.run(&asks).code, 4);
    }

    #[test]
    fn what_cannot_be_staged_is_refused_whole() {
        let sandbox = sandbox();
        for (text, parts) in [
            ("LOAD <http://a.b/c>", &["LOAD <http://a.b/c>", "nothing is loaded"][..]),
            ("CLEAR ALL", &["CLEAR is none of what", "hint: a stage takes INSERT DATA"]),
            ("INSERT DATA { GRAPH :g { :a :likes :b } }", &["the graph <https://example.org/g>"]),
            ("INSERT DATA { _:b :likes :Rome }", &["a blank node"]),
            ("INSERT DATA { :a :likes :b } ; INSERT DATA {", &["does not parse"]),
            ("INSERT { ?s :likes 1 } WHERE { SERVICE <http://a.b/> { ?s ?p ?o } }", &["SERVICE"]),
            ("INSERT { ?s :likes 1 } WHERE { GRAPH <kledger:nosuch> { ?s ?p ?o } }", &["nosuch"]),
            ("INSERT { ?s :likes 1 } WHERE { GRAPH :g { ?s ?p ?o } }", &["there is no graph"]),
            ("INSERT DATA { :a :likes :b , :c }", &["1 conflict", "multiValued"]),
            ("DELETE DATA { :likes kl:prompt \"{subject} likes\" }", &["words cannot be removed"]),
            ("INSERT DATA { :likes kl:prompt \"no place\" }", &["the template"]),
            ("INSERT { :a :likes ?o } WHERE { ?s ?p ?o }", &["conflict"]),
        ] {
            sandbox.refused(&["stage", "--sparql", &update(text)], 1, parts);
        }
        let many = update("INSERT { ?s :likes ?o } WHERE { ?s ?p ?o }");
        sandbox.refused(
            &["stage", "--sparql", &many, "--max-rows", "1"],
            1,
            &["more than 1 rows", "--max-rows"],
        );
        sandbox.misused(&[&["stage"], &["stage", "more.nt"]]);
        sandbox.refused(&["stage", "--sparql", "nosuch.ru"], 1, &["nosuch.ru"]);
    }

    #[test]
    fn labels_and_templates_come_too() {
        let sandbox = sandbox();
        let text = "INSERT DATA { :Anna rdfs:label \"Anna A.\"@en . :hears kl:prompt \"{subject} hears\" }";
        assert_snapshot!(stage(&sandbox, text), @"
        Staged 1 label, 1 template
          0 facts staged in all
        ");
    }
}
