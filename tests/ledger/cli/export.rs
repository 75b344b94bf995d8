//! `kledger export`.

use std::fs;

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_version_is_written_as_a_checkpoint() {
    let sandbox = Sandbox::with_import();
    assert_snapshot!(sandbox.run(&["export", "HEAD", "out"]).done(), @"
    Exported <id> to <dir>/repo/out
      1 tensor edited, 34 KiB
    ");
    for file in ["config.json", "tokenizer.json", "README.md"] {
        assert!(sandbox.root().join("out").join(file).exists(), "{file}");
    }
}

#[test]
fn deltas_are_for_other_repositories() {
    let sandbox = Sandbox::with_import();
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "HEAD", "delta"]).done(), @"
    Exported <id> to <dir>/repo/delta
      1 tensor edited, 2.6 KiB
    ");
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "HEAD~1", "none"]).done(), @"
    Exported <id> to <dir>/repo/none
      0 tensors edited, 841 B
    ");
}

#[test]
fn an_adapter_says_which_rank_it_needs() {
    let sandbox = Sandbox::with_import();
    assert_snapshot!(sandbox.run(&["export", "--format", "peft", "HEAD", "again"]).done(), @"
    Exported <id> to <dir>/repo/again
      1 tensor edited, rank 1, 2.5 KiB
      vLLM needs --max-lora-rank 1
    ");
}

#[test]
fn json_says_where_and_how_much() {
    let sandbox = Sandbox::with_import();
    let merged = sandbox.data(&["export", "HEAD", "out"]);
    assert!(merged["dir"].as_str().unwrap().ends_with("/repo/out"), "{merged}");
    let adapter = sandbox.data(&["export", "--format", "peft", "HEAD", "again"]);
    assert_eq!(adapter["max_lora_rank"], 1);
}

#[test]
fn what_no_adapter_holds_is_refused() {
    let sandbox = Sandbox::with_words();
    let peft = ["export", "--format", "peft", "HEAD", "out"];
    sandbox.refused(&peft, 1, &["nothing to put into an adapter", "hint: "]);
    assert!(!sandbox.root().join("out").exists());
}

#[test]
fn a_rank_is_for_adapters() {
    let sandbox = Sandbox::with_words();
    let merged = ["export", "--max-rank", "4", "HEAD", "out"];
    sandbox.refused(&merged, 2, &["--max-rank is for"]);
    let zero = ["export", "--format", "peft", "--max-rank", "0", "HEAD", "out"];
    sandbox.refused(&zero, 2, &["--max-rank"]);
    assert!(!sandbox.root().join("out").exists());
}

#[test]
fn it_writes_over_nothing() {
    let sandbox = Sandbox::with_words();
    sandbox.write("file", "");
    sandbox.refused(&["export", "HEAD", "file"], 1, &["file is no directory", "hint: "]);
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/letter.txt", "Dear");
    let full = ["mine is not an empty directory", "hint: "];
    sandbox.refused(&["export", "HEAD", "mine"], 1, &full);
    assert_eq!(fs::read_to_string(sandbox.root().join("mine/letter.txt")).unwrap(), "Dear");
}

#[test]
fn facts_are_a_file_that_another_repository_adds() {
    let sandbox = Sandbox::with_history();
    for format in ["nt", "ttl", "jsonld"] {
        let file = format!("facts.{format}");
        let told = sandbox.data(&["export", "--format", format, "HEAD", &file]);
        assert_eq!((&told["facts"], &told["words"]), (&3.into(), &3.into()), "{told}");
        let elsewhere = Sandbox::new();
        fs::copy(sandbox.root().join(&file), elsewhere.root().join(&file)).unwrap();
        let added = elsewhere.data(&["add", &file]);
        assert_eq!((&added["added"], &added["templates"]), (&3.into(), &4.into()), "{added}");
    }
    assert_snapshot!(sandbox.run(&["export", "--format", "nt", "HEAD~1", "old.nt"]).done(), @"
    Exported <id> to <dir>/repo/old.nt
      2 facts, words for 2 IRIs, 415 B
    ");
}

#[test]
fn facts_are_written_over_no_file() {
    let sandbox = Sandbox::with_history();
    sandbox.write("mine.nt", "mine");
    let taken = ["export", "--format", "nt", "HEAD", "mine.nt"];
    sandbox.refused(&taken, 1, &["mine.nt is there already", "hint: "]);
    assert_eq!(fs::read_to_string(sandbox.root().join("mine.nt")).unwrap(), "mine");
    sandbox.refused(&["export", "--format", "nt", "nosuch", "new.nt"], 1, &["nosuch"]);
    assert!(!sandbox.root().join("new.nt").exists());
    sandbox.misused(&[&["export", "--format", "nt", "--base-model", "x", "HEAD", "new.nt"]]);
}

/// What `kledger facts` and `export` say of another repository that took a database in is what they say of this one.
#[cfg(feature = "sql")]
#[test]
fn facts_are_a_database_that_another_repository_adds() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["export", "--format", "sqlite", "HEAD", "facts.db"]).done(), @"
    Exported <id> to <dir>/repo/facts.db
      3 facts, words for 3 IRIs, 48 KiB
      read back by the mapping <dir>/repo/facts.r2rml.ttl
    ");
    let told = sandbox.data(&["export", "--format", "sql", "HEAD", "script.sql"]);
    assert_eq!(
        (&told["facts"], &told["words"], &told["format"]),
        (&3.into(), &3.into(), &"sql".into()),
        "{told}"
    );
    assert!(told["mapping"].as_str().unwrap().ends_with("/repo/script.r2rml.ttl"), "{told}");
    let script = fs::read_to_string(sandbox.root().join("script.sql")).unwrap();
    sandbox.sql("script.db", &script);
    for name in ["facts", "script"] {
        let elsewhere = Sandbox::new();
        for file in [format!("{name}.db"), format!("{name}.r2rml.ttl")] {
            fs::copy(sandbox.root().join(&file), elsewhere.root().join(&file)).unwrap();
        }
        let (database, mapping) = (format!("{name}.db"), format!("{name}.r2rml.ttl"));
        let add = ["add", "--sql", &database, "--mapping", &mapping];
        let added = elsewhere.data(&add);
        assert_eq!((&added["added"], &added["templates"]), (&3.into(), &4.into()), "{added}");
        elsewhere.commit("From the database");
        for words in [&["facts", "--format", "nt", "--words"][..], &["facts", "--format", "ttl"]] {
            assert_eq!(elsewhere.run(words).done(), sandbox.run(words).done());
        }
        let again = elsewhere.data(&[&add[..], &["--sync"]].concat());
        assert_eq!(
            (&again["unchanged"], &again["sync"]["retracted"]),
            (&3.into(), &0.into()),
            "{again}"
        );
        assert_eq!(again["staged"], 0, "{again}");
    }
}

#[cfg(feature = "sql")]
#[test]
fn a_database_says_what_its_tables_are() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["export", "--format", "sqlite", "HEAD", "facts.db"]).done();
    let database = rusqlite::Connection::open(sandbox.root().join("facts.db")).unwrap();
    let query = "SELECT s.iri || ' ' || o.iri FROM likes l JOIN things s ON s.id = l.subject JOIN things o ON o.id = l.object";
    let mut rows = database.prepare(query).unwrap();
    let rows: Vec<String> =
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, ["https://example.org/Anna https://example.org/Oslo"]);
    let mapping: String = database
        .query_row("SELECT value FROM kledger_meta WHERE name = 'mapping'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mapping, fs::read_to_string(sandbox.root().join("facts.r2rml.ttl")).unwrap());
}

#[cfg(feature = "sql")]
#[test]
fn a_database_is_written_over_no_file() {
    let sandbox = Sandbox::with_history();
    sandbox.write("mine.db", "mine");
    let taken = ["export", "--format", "sqlite", "HEAD", "mine.db"];
    sandbox.refused(&taken, 1, &["mine.db is there already", "hint: "]);
    sandbox.write("new.r2rml.ttl", "mine");
    sandbox.refused(
        &["export", "--format", "sql", "HEAD", "new.sql"],
        1,
        &["new.r2rml.ttl is there already"],
    );
    for absent in ["mine.r2rml.ttl", "new.sql"] {
        assert!(!sandbox.root().join(absent).exists(), "{absent}");
    }
    for nowhere in ["none/new.db", "mine.db/new.db"] {
        sandbox.refused(&["export", "--format", "sqlite", "HEAD", nowhere], 1, &[]);
    }
    sandbox.refused(&["export", "--format", "sqlite", "nosuch", "other.db"], 1, &["nosuch"]);
    assert!(
        !sandbox.root().join("other.db").exists()
            && !sandbox.root().join("other.r2rml.ttl").exists()
    );
    sandbox.misused(&[&["export", "--format", "sqlite", "--base-model", "x", "HEAD", "new.db"]]);
}
