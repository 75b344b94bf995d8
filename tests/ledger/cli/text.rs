//! What people read.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_repository_from_the_beginning() {
    let sandbox = Sandbox::bare();
    let made = sandbox.run(&["init", "--anyway", "--model", "../base"]).done();
    // A build that runs models says that the stand-in is none.
    let noted =
        |line: &&str| line.starts_with("  for history alone: no edit can be made in this model");
    assert_eq!(made.lines().filter(noted).count(), usize::from(cfg!(feature = "torch")));
    let made: Vec<&str> = made.lines().filter(|line| !noted(line)).collect();
    assert_snapshot!(made.join("\n"), @"
    Repository in <dir>/repo
    [main <id>] base stand-in
      8200 parameters in 3 tensors, templates for 219 predicates
    ");
    sandbox.write("words.ttl", crate::support::WORDS);
    assert_snapshot!(sandbox.run(&["add", "words.ttl"]).done(), @"Staged 4 templates");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  base stand-in (0 facts)
    Staged for the next commit:
      words for 3 IRIs
    ");
    assert_snapshot!(sandbox.run(&["commit", "-m", "Words"]).done(), @"
    [main <id>] Words
      no fact changed
      words for 3 IRIs
    ");
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
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, main) Words
    <id> base stand-in
    ");
    assert_snapshot!(sandbox.run(&["log", "--graph", "HEAD~1.."]).done(), @"
    * commit <id> (HEAD, main)
        author  Ada <ada@example.org>
        date    2026-01-02 03:04:05 +00:00
        facts   no fact changed

          Words
    ");
    assert_snapshot!(sandbox.run(&["log", "--graph", "--oneline", "--all"]).done(), @"
    * <id> (HEAD, main) Words
    * <id> base stand-in
    ");
    assert_snapshot!(sandbox.run(&["blame"]).done(), @"  0 facts hold");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      facts       0
      neighbours  0

        Words
    ");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--weights", "--no-behaviour"]).done(), @"
    facts  <id> -> <id>
      none differ
      words for 3 IRIs differ

    weights
      none differ
    ");
    assert_snapshot!(sandbox.run(&["checkout"]).done(), @"
    [main <id>] Words
      written to <dir>/repo/model, 0 tensors edited
    ");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 163 objects, 0 tensor files, built the weights of 2 versions
    No damage found
    ");
    assert_snapshot!(sandbox.run(&["migrate"]).done(), @"The format is kledger 2 already");
}

#[test]
fn facts_on_the_stage() {
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "facts.ttl",
        "@prefix : <https://example.org/> .
         :Ada :likes :Coffee ; :lives :London .",
    );
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Staged 2 facts
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Nothing new
      2 staged already
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
    + Ada / likes / Coffee
    + Ada / lives / London
    ");
    let about =
        ["rm", "--about", "https://example.org/Ada", "--predicate", "https://example.org/likes"];
    assert_snapshot!(sandbox.run(&about).done(), @"
    Unstaged 1 fact
      1 fact staged in all
    ");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger rm --about https://example.org/Ada --predicate https://example.org/likes
      on main <id>, 2 facts staged
    ");
    assert_snapshot!(sandbox.run(&["reset"]).done(), @"
    On main <id>
      2 facts unstaged
    ");
    assert_snapshot!(sandbox.run(&["add", "--neighbourhood", "facts.ttl"]).done(), @"Staged 2 neighbourhood facts");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
      2 neighbourhood facts
    ");
}

#[test]
fn going_back_and_forth() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.run(&["undo"]).done();
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger commit -m Words
      on main <id>, 0 facts staged
    ");
    assert_snapshot!(sandbox.run(&["redo"]).done(), @"
    Redid: kledger commit -m Words
      on main <id>, 0 facts staged
    ");
    assert_snapshot!(sandbox.run(&["op", "log", "-n", "4"]).done(), @"
    7  kledger redo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      main: <id> -> <id>
      stage changed
    6  kledger undo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      main: <id> -> <id>
      stage changed
    5  kledger undo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: <id> -> nothing
    4  kledger tag v1  (undone)
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: nothing -> <id>
      older operations are not shown
    ");
}

#[test]
fn a_search() {
    let sandbox = Sandbox::with_words();
    for name in ["one", "two", "three"] {
        let label = "<http://www.w3.org/2000/01/rdf-schema#label>";
        sandbox.write("l.nt", &format!("<https://a.b/c> {label} \"{name}\"@en .\n"));
        sandbox.run(&["add", "l.nt"]).done();
        sandbox.run(&["commit", "-m", name]).done();
    }
    assert_snapshot!(sandbox.run(&["bisect"]).done(), @"On main <id>, no bisection");
    assert_snapshot!(sandbox.run(&["bisect", "start"]).done(), @"
    On main <id>
      name a bad version: kledger bisect bad REV
      name a good version: kledger bisect good REV
    ");
    sandbox.run(&["bisect", "bad"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "good", "HEAD~4"]).done(), @"
    Test <id> one
      4 commits left, 2 tests at most
    ");
    assert_snapshot!(sandbox.run(&["bisect", "skip"]).done(), @"
    Test <id> Words
      4 commits left, 2 tests at most
    ");
    sandbox.run(&["bisect", "good"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "bad"]).done(), @"
    The first bad commit is one of these, for those in between were skipped:
      <id>  two
      <id>  one
    ");
    assert_snapshot!(sandbox.run(&["bisect", "good", "HEAD~1"]).done(), @"First bad commit: <id> two");
    assert_snapshot!(sandbox.run(&["bisect", "reset"]).done(), @"On main <id>, no bisection");
}

#[test]
fn settings() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&["config", "set", "author", "Ada"]).done(), @"* author = Ada");
    sandbox.run(&["config", "set", "settings.memit.layers", "[2, 3]"]).done();
    sandbox.run(&["config", "set", "require", "efficacy=0.9"]).done();
    assert_snapshot!(sandbox.run(&["config"]).done(), @"
    * author = Ada
      checkout = model
      editor = memit
      keep-days = 14
      language = en
      neighbours = 10
      recheck = 100
    * require = efficacy=0.9
      seed = 0
    * settings.memit.layers = [2,3]
      snapshot-every = 64
      statistics-tokens = 30000
    ");
    let file = std::fs::read_to_string(sandbox.root().join(".kledger/config.toml")).unwrap();
    assert!(
        file.contains("# Who commits, where the command does not say.\nauthor = \"Ada\"\n"),
        "{file}"
    );
    assert!(file.contains("[settings.memit]\nlayers = [2, 3]"), "{file}");
    let refused = sandbox.run(&["config", "set", "neighbours", "banana"]).failed(1);
    assert_eq!(
        refused,
        "error: neighbours cannot be set to that: it is a whole number, 0 or more\n"
    );
    assert_snapshot!(sandbox.run(&["config", "unset", "author"]).done(), @"  author is not set");
    assert_snapshot!(sandbox.run(&["config", "get", "settings"]).done(), @"* settings.memit.layers = [2,3]");
}

#[test]
fn help_for_shells_and_readers() {
    let sandbox = Sandbox::bare();
    let help = sandbox.run(&["help"]).done();
    assert!(help.contains("Topics:\n  facts"), "{help}");
    assert!(help.contains("Usage: kledger"), "{help}");
    assert!(sandbox.run(&["help", "revisions"]).done().starts_with("Names of versions\n"));
    let verb = sandbox.run(&["help", "bisect", "run"]).done();
    assert!(verb.contains("--expect <TEXT>"), "{verb}");
    let written = sandbox.run(&["man", "man1"]).done();
    assert!(written.starts_with("Wrote "), "{written}");
    let page = std::fs::read_to_string(sandbox.root().join("man1/kledger-bisect-run.1")).unwrap();
    assert!(page.contains(".TH kledger-bisect-run 1"), "{page}");
    assert!(page.contains("\\-\\-expect"), "{page}");
}

#[test]
fn branches_and_tags() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["branch", "draft", "HEAD~1"]).done(), @"Made draft at <id>");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"
      draft  <id>  base stand-in
    * main   <id>  Words
    ");
    assert_snapshot!(sandbox.run(&["switch", "draft"]).done(), @"On draft <id>");
    assert_snapshot!(sandbox.run(&["tag", "v1"]).done(), @"Made v1 at <id>");
    assert_snapshot!(sandbox.run(&["checkout", "v1", "--to", "out"]).done(), @"
    [detached <id>] base stand-in
      written to <dir>/repo/out, 0 tensors edited
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline", "main"]).done(), @"
    <id> (main) Words
    <id> (HEAD, draft, v1) base stand-in
    ");
    assert_snapshot!(sandbox.run(&["branch", "-m", "draft", "final"]).done(), @"Renamed draft to final");
    assert_snapshot!(sandbox.run(&["reset", "main"]).done(), @"
    On detached <id>
      was at <id>
    ");
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "main", "delta"]).done(), @"
    Exported <id> to <dir>/repo/delta
      0 tensors edited, 841 B
    ");
}

#[test]
fn facts_as_triples() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "nt"]).done(), @"");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "rdf-patch"]).done().lines().count(), @"4");
}

#[test]
fn changes_made_elsewhere() {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("style");
    assert_snapshot!(sandbox.run(&["import", "--from-peft", "style", "--no-check", "-v"]).done(), @"
    [main <id>] Import adapter style
      no fact changed, 1 tensor, delta 1.2 KiB (model 32 KiB)
      layers.1.mlp.down_proj.weight  rank 1
      it does not say which model it is for
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      imports     adapter style
      facts       0
      neighbours  0

        Import adapter style

    delta <id>  1.2 KiB, 0 columns
      layers.1.mlp.down_proj.weight  16 x 256  rank 1
    ");
    assert_snapshot!(sandbox.run(&["log", "-n", "1"]).done(), @"
    commit <id> (HEAD, main)
      author   Ada <ada@example.org>
      date     2026-01-02 03:04:05 +00:00
      facts    no fact changed
      imports  adapter style

        Import adapter style
      older commits are not shown
    ");
    assert_snapshot!(sandbox.run(&["export", "--format", "peft", "HEAD", "again"]).done(), @"
    Exported <id> to <dir>/repo/again
      1 tensor edited, rank 1, 2.5 KiB
      vLLM needs --max-lora-rank 1
    ");
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "HEAD", "delta"]).done(), @"
    Exported <id> to <dir>/repo/delta
      1 tensor edited, 2.6 KiB
    ");
    assert_snapshot!(sandbox.run(&["revert", "--no-check", "HEAD"]).done(), @r#"
    [main <id>] Revert "Import adapter style"
      weights are those of <id>, bit for bit
    "#);
    assert_snapshot!(sandbox.run(&["import", "--from-delta", "delta", "--no-check", "-m", "Back"]).done(), @"
    [main <id>] Back
      no fact changed, 1 tensor, delta 1.2 KiB (model 32 KiB)
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 169 objects, 1 tensor file, built the weights of 5 versions
    No damage found
    ");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger import --from-delta delta --no-check -m Back
      on main <id>, 0 facts staged
    ");
}

#[test]
fn what_is_removed_and_what_stays() {
    let sandbox = Sandbox::with_history();
    // The history was made long before the clock of the commands.
    let told = sandbox.run(&["gc", "--dry-run"]).done();
    assert!(told.starts_with("Would remove ") && told.contains("what operations before"), "{told}");
    for kept in [" objects kept\n", "  by branches, tags and HEAD\n", "  by the stage\n"] {
        assert!(told.contains(kept), "{kept:?} in {told}");
    }
    sandbox.run(&["reset"]).done();
    let told = sandbox.run(&["gc", "--prune", "now"]).done();
    assert!(told.starts_with("Removed ") && !told.starts_with("Removed 0 "), "{told}");
    assert!(!told.contains("by the stage") && told.contains("what operations before"), "{told}");

    let words = ["forget", "https://example.org/Carl"];
    let told = sandbox.run(&[&words[..], &["--dry-run"]].concat()).done();
    assert!(told.starts_with("Would forget 1 fact\n- Carl"), "{told}");
    assert!(told.contains("to make again\n") && told.contains("not reached:\n"), "{told}");
    let told = sandbox.run(&[&words[..], &["--yes"]].concat()).done();
    assert!(told.starts_with("Forgot 1 fact\n- Carl"), "{told}");
    for part in ["columns taken out of 1 delta\n", "undo goes back no further\n", "main: "] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert_eq!(sandbox.run(&words).code, 1, "it is gone");
}
