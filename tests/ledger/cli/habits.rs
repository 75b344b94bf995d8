//! What hands that know git type.

use std::{fs, process::Command};

use insta::assert_snapshot;

use super::{
    Sandbox,
    json::{checked, valid},
};

#[test]
fn a_dash_is_where_head_was_before() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).failed(1), @r#"
    error: -: HEAD was switched 0 times
    hint: name the branch: kledger branch lists them
    "#);
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).done(), @"On main <id>");
    assert_snapshot!(sandbox.run(&["switch", "-"]).done(), @"On draft <id>");
    // Another name of the same branch is no other place.
    sandbox.run(&["branch", "-m", "draft", "trial"]).done();
    assert_snapshot!(sandbox.run(&["checkout", "-"]).done(), @r#"
    [main <id>] second
      written to <dir>/repo/model, 2 tensors edited
    "#);
    sandbox.run(&["checkout", "v1"]).done();
    sandbox.run(&["switch", "trial"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).failed(1), @r#"
    error: -: HEAD was on no branch, but at <id>
    hint: kledger checkout - goes there
    "#);
    assert_snapshot!(sandbox.run(&["switch", "@{-2}"]).done(), @"On main <id>");
    // Going back by undo is going back too.
    sandbox.run(&["undo"]).done();
    assert!(sandbox.run(&["checkout", "@{-3}"]).done().starts_with("[detached <id>] second\n"));
    assert_snapshot!(sandbox.run(&["show", "--stat", "@{-1}"]).done(), @r#"
    commit <id> (trial)
      author  Ada
      date    1970-01-01 00:00:03 +00:00
      facts   2

        first

      likes  1 fact added
      lives  1 fact added
      2 facts added, words for 3 IRIs, 2 tensors
    "#);
}

#[test]
fn a_branch_is_made_on_the_way() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let made = sandbox.run(&["checkout", "-b", "fix", "HEAD~1"]).done();
    assert_snapshot!(made, @r#"
    [fix <id>] first
      written to <dir>/repo/model, 2 tensors edited
    "#);
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["checkout", "-b", "main"]).failed(1), @r#"
    error: main exists already, at <id>
    hint: choose another name, or delete that one first
    "#);
    sandbox.run(&["checkout", "-b", "other", "nosuch"]).failed(1);
    assert_eq!(sandbox.state(), before);
    // One command is one step back.
    sandbox.run(&["undo"]).done();
    assert_eq!(checked(&sandbox, &["branch"], 0)["data"]["branches"].as_array().unwrap().len(), 2);
    assert_eq!(checked(&sandbox, &["status"], 0)["data"]["head"]["branch"], "main");
}

#[test]
fn a_branch_that_is_not_merged_is_not_deleted_by_the_way() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["branch", "-d", "main"]).failed(1), @r#"
    error: main is not merged: commits that HEAD does not have: 1
    hint: merge it first, or kledger branch -D main, which kledger undo takes back
    "#);
    assert_snapshot!(sandbox.run(&["branch", "-D", "main"]).done(), @"Deleted main, which was at <id>");
    sandbox.run(&["undo"]).done();
    sandbox.run(&["switch", "main"]).done();
    assert_snapshot!(sandbox.run(&["branch", "-d", "draft"]).done(), @"Deleted draft, which was at <id>");
}

#[test]
fn a_tag_moves_when_told_to() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["tag", "v1", "HEAD~1"]).failed(1);
    assert_snapshot!(sandbox.run(&["tag", "-f", "v1", "HEAD~1"]).done(), @"Moved v1 from <id> to <id>");
    let moved = checked(&sandbox, &["tag", "-f", "v1", "main"], 0);
    assert_eq!(moved["data"]["action"], "moved");
    assert_snapshot!(sandbox.run(&["tag", "-f", "v1", "main"]).done(), @"v1 is at <id> already");
    assert_snapshot!(sandbox.run(&["tag", "--force", "new"]).done(), @"Made new at <id>");
    // A branch is no tag.
    assert!(sandbox.run(&["tag", "-f", "draft"]).failed(1).starts_with("error: draft exists"));
    sandbox.run(&["undo", "-n", "3"]).done();
}

#[test]
fn what_is_put_aside_can_be_looked_at_and_used_twice() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["stash"]).done();
    assert_snapshot!(sandbox.run(&["stash", "show"]).done(), @r#"
    1 fact, words for 1 IRI put aside: second
    - Bert / lives / Oslo
    "#);
    assert_snapshot!(sandbox.run(&["stash", "apply"]).done(), @r#"
    Staged 1 fact, words for 1 IRI again: second
      put aside still: kledger stash drop throws it away
      1 fact staged in all
    "#);
    let shown = checked(&sandbox, &["stash", "show", "stash@{0}"], 0);
    assert_eq!(shown["data"]["changes"][0]["change"], "removed");
    assert_eq!(checked(&sandbox, &["stash", "apply", "0"], 0)["data"]["action"], "applied");
    sandbox.run(&["stash", "show", "1"]).failed(1);
    sandbox.run(&["stash", "show", "stash@{x}"]).failed(2);
    sandbox.run(&["stash", "drop"]).done();
    assert!(sandbox.run(&["status"]).done().contains("- Bert / lives / Oslo"));
}

#[test]
fn two_dots_compare_and_three_compare_since_the_fork() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    sandbox.run(&["switch", "draft"]).done();
    sandbox.write(
        "word.ttl",
        "<https://example.org/x> <http://www.w3.org/2000/01/rdf-schema#label> \"X\"@en .",
    );
    sandbox.run(&["add", "word.ttl"]).done();
    sandbox.run(&["commit", "-m", "a word"]).done();
    let facts = |range: &[&str]| {
        let words = [&["diff", "--no-behaviour"], range].concat();
        checked(&sandbox, &words, 0)["data"].clone()
    };
    assert_eq!(facts(&["draft..main"]), facts(&["draft", "main"]));
    assert_eq!(facts(&["..main"]), facts(&["draft", "main"]));
    assert_eq!(facts(&["draft...main"]), facts(&["draft~1", "main"]));
    assert_eq!(facts(&["main...draft"])["words"], 1);
    assert_snapshot!(sandbox.run(&["diff", "main..draft", "--stat"]).done(), @r#"
    facts  <id> -> <id>
      likes  1 fact replaced
      works  1 fact removed
      1 fact replaced, 1 removed, words for 1 IRI, 2 tensors
    "#);
    let stat = checked(&sandbox, &["diff", "main..draft", "--stat"], 0)["data"]["stat"].clone();
    assert_eq!((&stat["facts"]["replaced"], &stat["words"]), (&1.into(), &1.into()));
    assert_eq!(stat["predicates"][0]["predicate"], "likes");
    let refused = sandbox.run(&["diff", "main..draft", "v1"]).failed(1);
    assert!(refused.starts_with("error: main..draft is a range"), "{refused}");
    assert_eq!(sandbox.run(&["diff", "main", "--stat", "--weights"]).code, 2);
}

#[test]
fn a_message_is_amended() {
    let sandbox = Sandbox::with_words();
    let before = checked(&sandbox, &["show"], 0)["data"].clone();
    let mut amend = sandbox.command(&["commit", "--amend", "-m", "Words, better"]);
    amend.env("KLEDGER_AUTHOR", "Bob").env("KLEDGER_DATE", "2027-01-01T00:00:00Z");
    assert_snapshot!(sandbox.finish(amend, "").done(), @r#"
    [main <id>] Words, better
      no fact changed
      words for 3 IRIs
      in place of <id>
      the weights are as they were: nothing was staged
    "#);
    let after = checked(&sandbox, &["show"], 0)["data"].clone();
    for kept in ["author", "time", "parents"] {
        assert_eq!(after["commit"][kept], before["commit"][kept], "{kept}");
    }
    assert_snapshot!(sandbox.run(&["commit", "--amend", "--no-edit"]).failed(1), @r#"
    error: there is nothing to amend <id> with
    hint: stage facts first, or say -m MESSAGE
    "#);
    let author = |words: &[&str]| {
        let words = [words, &["commit", "--amend", "-m"]].concat();
        let message = format!("{}", words.len());
        let words = [words.as_slice(), &[message.as_str()]].concat();
        checked(&sandbox, &words, 0)["data"]["commit"]["author"].clone()
    };
    assert_eq!(author(&["--author", "Cem"]), "Cem");
    assert_eq!(author(&["-q"]), "Cem");
    let mut reset = sandbox.command(&["commit", "--amend", "--reset-author"]);
    reset.env("KLEDGER_AUTHOR", "Dora");
    sandbox.finish(reset, "").done();
    assert_eq!(checked(&sandbox, &["log", "-1"], 0)["data"]["entries"][0]["author"], "Dora");
    sandbox.run(&["undo", "-n", "4"]).done();
    assert_eq!(checked(&sandbox, &["show"], 0)["data"], before);
    sandbox.run(&["reset", "HEAD~1"]).done();
    assert_snapshot!(sandbox.run(&["commit", "--amend", "-m", "x"]).failed(1), @r#"
    error: <id> is the base: there is nothing to amend
    hint: kledger commit -m MESSAGE makes the first commit on it
    "#);
    assert_eq!(sandbox.run(&["commit"]).code, 2);
    assert_eq!(sandbox.run(&["commit", "-m", "x", "--reset-author"]).code, 2);
}

/// Four commits, of which the last two have a fact about Carl.
fn bisecting() -> Sandbox {
    let place = crate::support::Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Bert :likes :Rome .", "second");
    place.make(":Carl :likes :Rome .", "third");
    place.make(":Dora :likes :Rome .", "fourth");
    let sandbox = Sandbox { dir: place.dir };
    // Whatever somebody keeps there is theirs.
    sandbox.write("notes.txt", "mine");
    sandbox
}

#[test]
fn a_command_finds_the_first_bad_commit() {
    let sandbox = bisecting();
    assert_snapshot!(sandbox.run(&["bisect", "run", "true"]).failed(1), @r#"
    error: no bisection is going on
    hint: begin one: kledger bisect start [BAD [GOOD...]]
    "#);
    sandbox.run(&["bisect", "start", "main"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "run", "true"]).failed(1), @r#"
    error: no good version is named yet
    hint: kledger bisect good REV and kledger bisect bad REV name them
    "#);
    sandbox.run(&["bisect", "good", "main~4"]).done();
    // The directory is a checkout of the commit, and kledger itself can be asked meanwhile.
    let test = r#"
        grep -q "$KLEDGER_COMMIT" "$KLEDGER_CHECKOUT/kledger.json" || exit 200
        test -f notes.txt && test "$1" = -q || exit 201
        "$2" blame --at "$KLEDGER_COMMIT" >> asked; ! "$2" blame --at "$KLEDGER_COMMIT" Carl
    "#;
    let kledger = env!("CARGO_BIN_EXE_kledger");
    let found = sandbox.run(&["bisect", "run", "sh", "-c", test, "sh", "-q", kledger]);
    assert_snapshot!(found.done().lines().filter(|line| !line.contains(" Ada ")).collect::<Vec<_>>().join("\n"), @r#"
      <id>  good
      <id>  bad
    First bad commit: <id> third
    + Carl / likes / Rome
    "#);
    assert_eq!(fs::read_to_string(sandbox.root().join("notes.txt")).unwrap(), "mine");
    sandbox.run(&["bisect", "reset"]).done();
    // What was checked out meanwhile is not what is tested.
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    sandbox.run(&["checkout", "main"]).done();
    let found = sandbox.run(&["bisect", "run", "sh", "-c", test, "sh", "-q", kledger]).done();
    assert!(found.contains("First bad commit: <id> third"), "{found}");
    sandbox.run(&["bisect", "reset"]).done();
    assert_eq!(checked(&sandbox, &["status"], 0)["data"]["head"]["branch"], "main");
}

#[test]
fn exit_codes_mean_what_they_do_to_git() {
    let sandbox = bisecting();
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    let before = sandbox.run(&["bisect"]).done();
    let gave_up = sandbox.run(&["bisect", "run", "sh", "-c", "exit 128"]).failed(1);
    assert_snapshot!(gave_up, @r#"
    error: sh gave up: exit status: 128
    hint: the search is where it was: kledger bisect shows it, kledger bisect run goes on
    "#);
    assert!(
        sandbox.run(&["bisect", "run", "sh", "-c", "kill -9 $$"]).failed(1).contains("signal: 9")
    );
    let missing = sandbox.run(&["bisect", "run", "./nosuch"]).failed(1);
    assert!(missing.starts_with("error: cannot run ./nosuch\n"), "{missing}");
    assert_eq!(sandbox.run(&["bisect"]).done(), before);
    // What the command prints is not in the way of JSON.
    let words = ["--json", "bisect", "run", "sh", "-c", "echo seen; exit 125"];
    let output = sandbox.run(&words);
    assert_eq!((output.code, output.stderr.as_str()), (0, "seen\nseen\nseen\n"), "{output:#?}");
    let line: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    valid(&line);
    assert_eq!(line["data"]["state"], "ambiguous");
    assert_eq!(line["data"]["runs"][0]["verdict"], "skip");
    sandbox.run(&["bisect", "reset"]).done();
    // Without a checkout there is a name only.
    for (code, first) in [(1, "first"), (126, "first"), (127, "first"), (0, "fourth")] {
        sandbox.run(&["bisect", "start", "main", "main~4", "--no-checkout"]).done();
        let test = format!(
            "test -z \"$KLEDGER_CHECKOUT\" && test -n \"$KLEDGER_COMMIT\" || exit 255; exit {code}"
        );
        let found = sandbox.run(&["bisect", "run", "sh", "-c", &test]).done();
        assert!(found.contains(&format!("First bad commit: <id> {first}\n")), "{code} {found}");
        sandbox.run(&["bisect", "reset"]).done();
    }
    let order = ["bisect", "run", "--prompt", "x", "--expect", "y", "main~1", "-v"];
    assert!(sandbox.run(&order).failed(2).contains("hint: all options go before them"));
}

#[test]
fn git_is_asked_who_its_user_is() {
    let sandbox = Sandbox::with_words();
    let home = sandbox.dir.path().join("home");
    fs::create_dir(&home).unwrap();
    let author = |variables: &[(&str, &str)], name: &str| {
        let mut command = sandbox.command(&["switch", "-c", name, "--json"]);
        command.env_remove("KLEDGER_AUTHOR").env("HOME", &home).env("USER", "login");
        command.env("GIT_CONFIG_NOSYSTEM", "1").envs(variables.iter().copied());
        sandbox.finish(command, "").done();
        let log = checked(&sandbox, &["op", "log", "-n", "1"], 0);
        log["data"]["operations"][0]["author"].as_str().unwrap().to_owned()
    };
    assert_eq!(author(&[], "a"), "login");
    fs::write(home.join("more"), "[user]\n\temail = ada@git\n").unwrap();
    assert_eq!(author(&[("GIT_AUTHOR_EMAIL", "env@git")], "b"), "login <env@git>");
    fs::write(home.join(".gitconfig"), "[user]\n\tname = Ada Git\n[include]\n\tpath = more\n")
        .unwrap();
    assert_eq!(author(&[], "c"), "Ada Git <ada@git>");
    assert_eq!(author(&[("GIT_AUTHOR_NAME", "Env")], "d"), "Env <ada@git>");
    // A broken file is git's business.
    fs::write(home.join(".gitconfig"), "[user\n").unwrap();
    assert_eq!(author(&[], "e"), "login");
    // Without git there is the login name.
    assert_eq!(author(&[("PATH", "/nonexistent")], "f"), "login");
    sandbox.write(".kledger/config.toml", "author = 'Setting'");
    assert_eq!(author(&[("GIT_AUTHOR_NAME", "Env")], "g"), "Setting");
}

#[test]
fn an_alias_is_words_of_kledger() {
    let sandbox = Sandbox::with_words();
    let set = |name: &str, text: &str| {
        sandbox.run(&["config", "set", &format!("alias.{name}"), text]).done();
    };
    set("lo", "log --oneline");
    assert_snapshot!(sandbox.run(&["lo", "-1"]).done(), @"<id> (HEAD, main) Words");
    set("last", "lo -n 1");
    assert_eq!(sandbox.run(&["-q", "last"]).done(), sandbox.run(&["lo", "-1"]).done());
    assert_eq!(
        sandbox.run(&["last", "--json"]).done(),
        sandbox.run(&["log", "-1", "--json"]).done()
    );
    set("note", "commit -m 'two words'");
    sandbox.write(
        "word.ttl",
        "<https://example.org/x> <http://www.w3.org/2000/01/rdf-schema#label> \"X\"@en .",
    );
    sandbox.run(&["add", "word.ttl"]).done();
    assert!(sandbox.run(&["note"]).done().starts_with("[main <id>] two words\n"));
    // The operation log says what was done.
    assert!(sandbox.run(&["op", "log", "-n", "1"]).done().contains("kledger commit -m two words"));

    set("a", "b");
    set("b", "-q a");
    set("shell", "!rm -rf .");
    set("open", "log 'x");
    for (name, message) in [
        ("a", "error: the alias a leads to itself: a -> b -> a\n"),
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
    let refused = sandbox.run(&["config", "set", "alias.log", "status"]).failed(1);
    assert!(refused.starts_with("error: log is a verb of kledger"), "{refused}");
    // In the file it has no effect.
    sandbox.write(".kledger/config.toml", "[alias]\nlog = 'status'\n");
    assert!(sandbox.run(&["log"]).done().starts_with("commit <id>"));
}

#[test]
fn verbs_and_options_of_git_are_known() {
    let sandbox = Sandbox::bare();
    assert_snapshot!(sandbox.run(&["push"]).failed(2), @r#"
    error: kledger has no push
    hint: there are no remotes: kledger export --format delta REV DIR writes a version for another repository, kledger import --from-delta DIR takes it in there
    "#);
    assert_snapshot!(sandbox.run(&["-q", "rm", "--cached", "x.ttl"]).failed(2), @"error: kledger has no rm --cached");
    assert_eq!(sandbox.run(&["help", "push"]).failed(2), sandbox.run(&["push"]).stderr);
    let error = checked(&sandbox, &["reflog"], 2);
    assert_eq!(error["data"]["exit"], 2);
    assert!(error["data"]["hint"].as_str().unwrap().starts_with("kledger op log"));
    assert!(sandbox.run(&["brnch"]).failed(2).contains("a similar subcommand exists: 'branch'"));
    assert!(
        sandbox.run(&["stash", "nosuch"]).failed(2).contains("unrecognized subcommand 'nosuch'")
    );
}

#[test]
fn help_lists_verbs_by_what_they_are_for() {
    let sandbox = Sandbox::bare();
    let help = sandbox.run(&["--help"]).done();
    let headings: Vec<&str> = help.lines().filter(|line| line.ends_with(':')).collect();
    let groups =
        ["Start:", "Facts:", "Edit and look:", "History:", "Branches:", "Exchange:", "Upkeep:"];
    assert_eq!(headings[..7], groups);
    assert!(help.contains("\n  cherry-pick  Make commits"), "{help}");
    assert!(help.contains("Usage: kledger [OPTIONS] <COMMAND>\n"), "{help}");
    assert!(help.contains("\nExit codes: 0 done"), "{help}");
}

/// What the shell is offered for the last of `words`.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let mut command = sandbox.command(&["--", "kledger"]);
    command.args(words).env("KLEDGER_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let output = sandbox.finish(command, "");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn names_are_completed() {
    let sandbox = Sandbox::with_history();
    // Its summary is written with each command.
    sandbox.run(&["status"]).done();
    assert_eq!(offered(&sandbox, &["checkout", "d"]), ["draft"]);
    assert_eq!(offered(&sandbox, &["diff", "v"]), ["v1"]);
    assert_eq!(offered(&sandbox, &["log", "v1..m"]), ["v1..main"]);
    assert_eq!(offered(&sandbox, &["branch", "-D", "d"]), ["draft"]);
    assert_eq!(offered(&sandbox, &["blame", "An"]), ["Anna"]);
    assert_eq!(offered(&sandbox, &["log", "--subject", "Ca"]), ["Carl"]);
    assert_eq!(offered(&sandbox, &["bis"]), ["bisect"]);
    assert_eq!(offered(&sandbox, &["add", "--nei"]), ["--neighbourhood"]);
    let id = checked(&sandbox, &["show", "HEAD~1"], 0)["data"]["commit"]["id"].clone();
    let id = &id.as_str().unwrap()[..12];
    let offered_ids = offered(&sandbox, &["show", &id[..6]]);
    assert_eq!(offered_ids, ["<id>"], "{id}");
    assert_eq!(offered(&sandbox, &["tag", "new", "HE"]), ["HEAD"]);
    assert_eq!(offered(&Sandbox::bare(), &["checkout", "m"]), Vec::<String>::new());
    // Whatever is wrong, nothing is said of it.
    fs::write(sandbox.root().join(".kledger/config.toml"), "nonsense").unwrap();
    assert_eq!(offered(&sandbox, &["checkout", "m"]), Vec::<String>::new());
}

#[test]
fn completing_neither_waits_nor_opens_sled() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["status"]).done();
    let db = sandbox.root().join(".kledger/ledger");
    let hidden = sandbox.root().join(".kledger/held");
    assert_eq!(offered(&sandbox, &["checkout", "d"]), ["draft"]);
    fs::rename(&db, &hidden).unwrap();
    assert_eq!(offered(&sandbox, &["checkout", "d"]), Vec::<String>::new());
    assert!(!db.exists(), "nothing is built again for a key that was pressed");
    fs::rename(&hidden, &db).unwrap();
    assert_eq!(offered(&sandbox, &["blame", "An"]), ["Anna"]);
}

#[test]
fn scripts_of_completions_ask_kledger() {
    let sandbox = Sandbox::bare();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).done();
        assert!(script.contains("KLEDGER_COMPLETE"), "{shell}: {script}");
    }
}

#[test]
fn completions_and_manual_pages_are_installed() {
    let sandbox = Sandbox::bare();
    let to = sandbox.dir.path().join("to");
    let mut make = Command::new("make");
    make.args(["-s", "install-docs", "PREFIX=/usr"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    make.arg(format!("DESTDIR={}", to.display()));
    make.arg(format!("KLEDGER={}", env!("CARGO_BIN_EXE_kledger")));
    assert!(make.status().unwrap().success());
    for file in [
        "man/man1/kledger.1",
        "man/man1/kledger-bisect-run.1",
        "bash-completion/completions/kledger",
        "zsh/site-functions/_kledger",
        "fish/vendor_completions.d/kledger.fish",
    ] {
        assert!(fs::metadata(to.join("usr/share").join(file)).unwrap().len() > 100, "{file}");
    }
}
