//! `kledger log`.

use insta::assert_snapshot;

use super::{Sandbox, commit::probing};

#[test]
fn commits_are_told_newest_first() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["log"]).done(), @"
    commit <id> (HEAD, main)
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00
      facts   no fact changed

        Words

    commit <id>
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00

        base stand-in
    ");
}

#[test]
fn one_line_has_the_names_of_a_commit() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, main) Words
    <id> base stand-in
    ");
}

#[test]
fn names_of_branches_and_tags_are_told() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["switch", "-c", "draft", "HEAD~1"]).done();
    sandbox.run(&["tag", "v1"]).done();
    assert_snapshot!(sandbox.run(&["log", "--oneline", "main"]).done(), @"
    <id> (main) Words
    <id> (HEAD, draft, v1) base stand-in
    ");
}

#[test]
fn a_graph_is_drawn_of_a_range() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["log", "--graph", "HEAD~1.."]).done(), @"
    * commit <id> (HEAD, main)
        author  Ada <ada@example.org>
        date    2026-01-02 03:04:05 +00:00
        facts   no fact changed

          Words
    ");
}

#[test]
fn a_graph_of_all_shows_where_branches_diverged() {
    let sandbox = Sandbox::diverged();
    assert_snapshot!(sandbox.run(&["log", "--graph", "--oneline", "--all"]).done(), @"
    * <id> (HEAD, main) Ours
    | * <id> (draft) Carl moves
    | * <id> Theirs
    |/
    * <id> Common
    * <id> base stand-in
    ");
}

#[test]
fn a_merge_names_its_parents_and_may_be_left_by_the_first() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["merge", "draft", "--ours", "--no-check"]).done();
    assert_snapshot!(sandbox.run(&["log", "-n", "1"]).done(), @"
    commit <id> (HEAD, main)
      merges  <id> <id>
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00
      facts   1 fact added

        Merge draft
      older commits are not shown
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline", "--first-parent"]).done(), @"
    <id> (HEAD, main) Merge draft
    <id> Ours
    <id> Common
    <id> base stand-in
    ");
}

#[test]
fn a_subject_and_a_predicate_select_commits() {
    let sandbox = Sandbox::diverged();
    let log =
        |words: &[&str]| sandbox.run(&[&["log", "--oneline", "--all"], words].concat()).done();
    assert_eq!(log(&["--subject", "Carl"]), "<id> (draft) Carl moves\n");
    assert_eq!(log(&["--predicate", "works"]), "<id> (HEAD, main) Ours\n");
    assert_eq!(log(&["--subject", "Anna", "--predicate", "works"]), "");
}

#[test]
fn a_log_of_an_author() {
    let sandbox = Sandbox::with_words();
    sandbox
        .run(&["--author", "Bert (B.) <bert@example.org>", "revert", "HEAD", "--no-check"])
        .done();
    let log = |pattern: &str| {
        let log = sandbox.run(&["log", "--oneline", "--author", pattern]).done();
        log.lines().map(|line| line.rsplit(") ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let bert = ["Revert \"Words\""];
    assert_eq!(log("Bert"), bert);
    assert_eq!(log("Bert (B.) <"), bert, "as it is written");
    assert_eq!(log("^B.*org"), bert);
    assert_eq!(log("Ada"), ["<id> Words", "<id> base stand-in"]);
    assert_eq!(log("Ada|Bert").len(), 3);
    assert_eq!(log("Nobody"), [""; 0]);
    assert_eq!(sandbox.run(&["log", "--oneline"]).done().lines().count(), 3, "whoever acts");
}

#[test]
fn json_has_as_many_commits_as_are_wanted() {
    let sandbox = Sandbox::with_words();
    let all = sandbox.data(&["log"]);
    assert_eq!(all["entries"].as_array().unwrap().len(), 2);
    for one in [&["log", "-1"][..], &["log", "HEAD", "-n", "1"]] {
        let entries = sandbox.data(one)["entries"].take();
        assert_eq!(entries.as_array().unwrap(), &all["entries"].as_array().unwrap()[..1]);
    }
}

#[test]
fn what_selects_nothing_sensible_is_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["log", "HEAD~1..nosuch"], 1, &["nosuch", "hint: "]);
    let pattern = ["log", "--author", "[a"];
    sandbox.refused(&pattern, 2, &["error: \"[a\" is no regular expression: "]);
}

/// Three versions, of which the last two have measured drift.
fn drifting() -> Sandbox {
    let place = probing("Anna likes\nDora lives in\n");
    std::fs::write(place.repo.root().join("kept.txt"), "anna bert\n").unwrap();
    let set = |key: &str, value: &str| place.repo.set_setting(key, value, &|_, _| Ok(())).unwrap();
    set("perplexity-text", "kept.txt");
    let place = place.reopened();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Bert :likes :Rome .", "second");
    Sandbox { dir: place.dir }
}

#[test]
fn drift_is_told_where_it_was_measured() {
    let sandbox = drifting();
    let log = sandbox.run(&["log"]).done();
    assert_eq!(log.matches("\n  drift   ").count(), 2, "{log}");
    assert!(log.contains(", probes 50 %\n"), "{log}");
    let entries = sandbox.data(&["log"])["entries"].take();
    let [second, first, base] = [0, 1, 2].map(|at: usize| &entries[at]);
    assert_eq!(first["probes"]["after"], 1);
    assert_eq!(first["text"]["source"], "kept.txt");
    assert_eq!(second["text"]["before"], first["text"]["after"]);
    let relative = |entry: &serde_json::Value| entry["growth"]["relative"].as_f64().unwrap();
    assert!(relative(second) > relative(first), "{entries:#}");
    assert!(base["growth"].is_null() && base["text"].is_null() && base["probes"].is_null());
}

#[test]
fn drift_is_drawn_along_the_history() {
    let sandbox = drifting();
    sandbox.run(&["log", "--plot", "drift.svg"]).done();
    let svg = std::fs::read_to_string(sandbox.root().join("drift.svg")).unwrap();
    for text in [
        "stand-in; 3 versions",
        "perplexity on kept.txt",
        "probes on probes.txt",
        "perplexity",
        "probes that go on as in the base, %",
    ] {
        assert!(svg.contains(&format!("\n{text}\n")), "{text} is not in {svg}");
    }
    assert!(svg.contains("\nDrift of HEAD, "), "{svg}");
    // Two points in each of three charts, and what the base does with text and probes.
    assert_eq!(svg.matches("<circle").count(), 8, "{svg}");
    let newest = sandbox.data(&["log", "-1"])["entries"][0]["id"].as_str().unwrap()[..8].to_owned();
    assert_eq!(svg.matches(&format!("\n{newest}\n")).count(), 3, "a name below each chart");
    sandbox.run(&["log", "-1", "--plot", "one.PNG"]).done();
    let png = std::fs::read(sandbox.root().join("one.PNG")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn nothing_is_drawn_where_nothing_was_measured_or_nothing_can_be_written() {
    let sandbox = Sandbox::with_history();
    let plot = ["log", "--plot", "drift.svg"];
    sandbox.refused(&plot, 1, &["none of these versions", "hint: have commits measure it"]);
    assert!(!sandbox.root().join("drift.svg").exists());
    sandbox.refused(&["log", "--plot", "none/drift.svg"], 1, &["none is no directory"]);
    sandbox.misused(&[&["log", "--plot", "drift.pdf"]]);
}
