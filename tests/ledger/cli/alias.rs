//! Aliases: words of kledger under a name of one's own.

use insta::assert_snapshot;

use super::Sandbox;

fn set(sandbox: &Sandbox, name: &str, text: &str) {
    sandbox.run(&["config", "set", &format!("alias.{name}"), text]).done();
}

#[test]
fn an_alias_is_words_of_kledger() {
    let sandbox = Sandbox::with_words();
    set(&sandbox, "lo", "log --oneline");
    assert_snapshot!(sandbox.run(&["lo", "-1"]).done(), @"<id> (HEAD, main) Words");
    set(&sandbox, "last", "lo -n 1");
    assert_eq!(sandbox.run(&["-q", "last"]).done(), sandbox.run(&["lo", "-1"]).done());
    assert_eq!(
        sandbox.run(&["last", "--json"]).done(),
        sandbox.run(&["log", "-1", "--json"]).done()
    );
}

#[test]
fn the_operation_log_says_what_was_done() {
    let sandbox = Sandbox::with_words();
    set(&sandbox, "note", "commit -m 'two words'");
    sandbox.stage(":x <http://www.w3.org/2000/01/rdf-schema#label> \"X\"@en .");
    assert!(sandbox.run(&["note"]).done().starts_with("[main <id>] two words\n"));
    assert!(sandbox.run(&["op", "log", "-n", "1"]).done().contains("kledger commit -m two words"));
}

#[test]
fn an_alias_that_cannot_be_read_is_refused() {
    let sandbox = Sandbox::with_words();
    for (name, text) in [("a", "b"), ("b", "-q a"), ("shell", "!rm -rf ."), ("open", "log 'x")] {
        set(&sandbox, name, text);
    }
    for (name, message) in [
        ("a", "error: the alias a expands to itself: a -> b -> a\n"),
        (
            "shell",
            "error: the alias shell cannot be read: \"!rm -rf .\" is for a shell, and none is run\n",
        ),
        (
            "open",
            "error: the alias open cannot be read: \"log 'x\" has a quote that is not closed\n",
        ),
    ] {
        let failed = sandbox.run(&[name]).failed(1);
        assert!(failed.starts_with(message), "{failed}");
    }
}

#[test]
fn a_verb_stays_what_it_is() {
    let sandbox = Sandbox::with_words();
    let refused = sandbox.run(&["config", "set", "alias.log", "status"]).failed(1);
    assert!(refused.starts_with("error: log is a verb of kledger"), "{refused}");
    // In the file it has no effect.
    sandbox.write(".kledger/config.toml", "[alias]\nlog = 'status'\n");
    assert!(sandbox.run(&["log"]).done().starts_with("commit <id>"));
}
