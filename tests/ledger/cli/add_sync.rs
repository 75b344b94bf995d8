//! `kledger add --sql --sync`.

use insta::assert_snapshot;

use super::Sandbox;

const SYNC: [&str; 8] = [
    "add",
    "--sql",
    "people.db",
    "--mapping",
    "people.ttl",
    "--predicate",
    "https://example.org/lives",
    "--sync",
];

impl Sandbox {
    /// With what people.db says committed, and a fact from elsewhere.
    fn with_people_committed() -> Self {
        let sandbox = Self::with_people();
        sandbox.run(&SYNC).done();
        sandbox.stage(":Dora :lives :Bonn .");
        sandbox.commit("People");
        sandbox
    }
}

#[test]
fn what_vanished_is_taken_back() {
    let sandbox = Sandbox::with_people_committed();
    assert_snapshot!(sandbox.run(&SYNC).done(), @"
    Nothing new
      2 committed already
      facts read, by predicate
        2  https://example.org/lives
      1 triple skipped: with another predicate
        1  https://example.org/born
      facts from this database before: 2
    ");
    sandbox.sql(
        "people.db",
        "DELETE FROM person WHERE id = 7; UPDATE person SET city = 1 WHERE id = 8; \
                              UPDATE person SET city = 2 WHERE id = 9;",
    );
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&[&SYNC[..], &["--dry-run"]].concat()).done(), @"
    Would stage 2 facts (1 in place of another), 1 retraction
    + Carl / lives / Bad Ems
    - Ada / lives / Rome
    - Bert / lives / Bad Ems
    + Bert / lives / Rome
      facts read, by predicate
        2  https://example.org/lives
      facts from this database before: 2
      nothing was staged
    ");
    assert_eq!(before, sandbox.state());
    assert_snapshot!(sandbox.run(&SYNC).done(), @"
    Staged 2 facts (1 in place of another), 1 retraction
      facts from this database before: 2
      3 facts staged in all
    ");
    let staged = sandbox.staged();
    let expected = [
        "- <https://example.org/Ada> <https://example.org/lives> <https://example.org/city/Rome> .",
        "+ <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Rome> .",
        "+ <https://example.org/Carl> <https://example.org/lives> <https://example.org/city/Bad%20Ems> .",
    ];
    assert_eq!(staged, expected);
    // A second time there is nothing more to do.
    let again = sandbox.data(&SYNC);
    assert_eq!(
        (&again["sync"]["retracted"], &again["added"], &again["replaced"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(sandbox.staged(), expected);
    sandbox.commit("Moves");
    let facts = sandbox.run(&["facts", "--format", "nt"]).done();
    assert_snapshot!(facts, @"
    <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Rome> .
    <https://example.org/Carl> <https://example.org/lives> <https://example.org/city/Bad%20Ems> .
    <https://example.org/Dora> <https://example.org/lives> <https://example.org/Bonn> .
    ");
}

#[test]
fn what_is_only_staged_leaves_the_stage() {
    let sandbox = Sandbox::with_people();
    sandbox.run(&SYNC).done();
    sandbox.stage(":Dora :lives :Bonn .");
    sandbox.sql("people.db", "DELETE FROM person WHERE id = 7");
    assert_snapshot!(sandbox.run(&[&SYNC[..], &["--dry-run"]].concat()).done(), @"
    Would unstage 1 fact
      1 staged already
      facts read, by predicate
        1  https://example.org/lives
      facts from this database before: 2
      nothing was staged
    ");
    assert_snapshot!(sandbox.run(&SYNC).done(), @"
    Unstaged 1 fact
      1 staged already
      facts from this database before: 2
      2 facts staged in all
    ");
    assert_eq!(sandbox.staged().len(), 2);
    sandbox.sql("people.db", "DELETE FROM person");
    let gone = sandbox.data(&SYNC);
    assert_eq!(
        (&gone["sync"]["before"], &gone["sync"]["unstaged"]),
        (&1.into(), &1.into()),
        "{gone}"
    );
    assert_eq!(
        sandbox.staged(),
        ["+ <https://example.org/Dora> <https://example.org/lives> <https://example.org/Bonn> ."]
    );
}

/// What was committed from the database, then staged anew from it, and vanished.
#[test]
fn what_is_staged_in_place_of_it_goes_with_it() {
    let sandbox = Sandbox::with_people_committed();
    sandbox.sql("people.db", "UPDATE person SET city = 2 WHERE id = 7");
    sandbox.run(&SYNC).done();
    assert_eq!(sandbox.staged().len(), 1);
    // What it said before that is what it says again.
    sandbox.sql("people.db", "UPDATE person SET city = 1 WHERE id = 7");
    let back = sandbox.data(&SYNC);
    assert_eq!((&back["sync"]["unstaged"], &back["unchanged"]), (&1.into(), &2.into()), "{back}");
    assert_eq!(sandbox.staged(), Vec::<String>::new());
    sandbox.sql("people.db", "UPDATE person SET city = 2 WHERE id = 7");
    sandbox.run(&SYNC).done();
    sandbox.sql("people.db", "DELETE FROM person WHERE id = 7");
    let gone = sandbox.data(&SYNC);
    let sync = &gone["sync"];
    assert_eq!(
        (&sync["before"], &sync["retracted"], &sync["unstaged"]),
        (&2.into(), &1.into(), &0.into()),
        "{gone}"
    );
    assert_eq!(
        sandbox.staged(),
        [
            "- <https://example.org/Ada> <https://example.org/lives> <https://example.org/city/Rome> ."
        ]
    );
}

#[test]
fn facts_from_elsewhere_stay() {
    let sandbox = Sandbox::with_people_committed();
    // Somebody says something else of Ada: it is no longer what the database said.
    sandbox.stage(":Ada :lives :Paris .");
    sandbox.sql("people.db", "DELETE FROM person");
    let gone = sandbox.data(&SYNC);
    assert_eq!(
        (&gone["sync"]["before"], &gone["sync"]["retracted"]),
        (&1.into(), &1.into()),
        "{gone}"
    );
    assert_eq!(
        sandbox.staged(),
        [
            "+ <https://example.org/Ada> <https://example.org/lives> <https://example.org/Paris> .",
            "- <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Bad%20Ems> .",
        ]
    );
    // A database of another name said nothing before.
    let sandbox = Sandbox::with_people_committed();
    let other: Vec<&str> =
        SYNC.iter().map(|word| if *word == "people.db" { "./people.db" } else { word }).collect();
    let data = sandbox.data(&other);
    assert_eq!((&data["sync"]["before"], &data["unchanged"]), (&0.into(), &2.into()));
}

#[test]
fn a_mapping_that_fails_takes_nothing_back() {
    let sandbox = Sandbox::with_people_committed();
    sandbox.sql("people.db", "DELETE FROM person; ALTER TABLE city RENAME TO town");
    sandbox.refused(&SYNC, 1, &["City wants the table city"]);
    sandbox.sql(
        "people.db",
        "ALTER TABLE town RENAME TO city; UPDATE city SET name = NULL WHERE id = 9",
    );
    sandbox.refused(&[&SYNC[..], &["--max-rows", "1"]].concat(), 1, &["more than 1 rows"]);
}
