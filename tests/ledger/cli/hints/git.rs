//! Verbs and options of git's: what does it here.

use regex::Regex;

use super::{Advice, Sandbox, advised, sources};

/// What git's verbs and options are told apart by in the source, one row each: a verb, or a verb and its option.
fn rows() -> Vec<(String, Option<String>)> {
    let code = sources("src/cli").into_iter().find(|(path, _)| path.ends_with("git.rs")).unwrap().1;
    let table = |name: &str| {
        let start = code.find(&format!("const {name}: ")).unwrap();
        code[start..start + code[start..].find("\n];").unwrap()].to_owned()
    };
    let verb = Regex::new(r#"\(\s*"([a-z-]+)",\s*("|[A-Z])"#).unwrap();
    let option = Regex::new(r#"\(\s*"([a-z-]+)",\s*"(-[a-zA-Z-]+)","#).unwrap();
    let (verbs, options) = (table("VERBS"), table("OPTIONS"));
    let verbs = verb.captures_iter(&verbs).map(|row| (row[1].to_owned(), None)).collect::<Vec<_>>();
    let options =
        option.captures_iter(&options).map(|row| (row[1].to_owned(), Some(row[2].to_owned())));
    verbs.into_iter().chain(options).collect()
}

/// The commands of a hint, each as it is run in [`place`].
fn commands(hint: &str) -> Vec<Vec<String>> {
    let command = Regex::new(
        r"kledger ((?:op log|stash apply|(?:cherry-)?[a-z]+)(?: (?:-{1,2}[a-z0-9]+(?:-[a-z]+)*|delta|merged|HEAD~1|[A-Z]\.{2,3}[A-Z]|[A-Z]{3,}(?:\.{3})?))*|--version)",
    );
    let filled = |word: &str| match word {
        "REV" => "HEAD".to_owned(),
        "A..B" => "main..draft".to_owned(),
        "A...B" => "main...draft".to_owned(),
        "NAME" => "name".to_owned(),
        "DIR" => "dir".to_owned(),
        "FILE" | "FILE..." => "more.ttl".to_owned(),
        "SUBJECT" => "Dora".to_owned(),
        word => word.to_owned(),
    };
    let all = command.unwrap();
    all.captures_iter(hint).map(|found| found[1].split(' ').map(filled).collect()).collect()
}

/// Where every command that is advised can be run.
fn place() -> Sandbox {
    let sandbox = Sandbox::diverged();
    sandbox.write("more.ttl", "@prefix : <https://example.org/> . :Emil :likes :Rome .");
    sandbox.write("other.ttl", "@prefix : <https://example.org/> . :Fred :likes :Rome .");
    sandbox.run(&["add", "other.ttl"]).done();
    sandbox.run(&["stash"]).done();
    sandbox
}

/// What a command needs that its hint leaves to the user, and what has to be there before.
fn prepared(sandbox: &Sandbox, command: &[String]) -> Vec<String> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let more: &[&str] = match words.as_slice() {
        ["add"] => &["more.ttl"],
        ["export"] => &["HEAD", "out"],
        ["rm"] => &["--about", "Dora"],
        ["rm", "more.ttl"] => {
            sandbox.run(&["add", "more.ttl"]).done();
            &[]
        }
        ["commit", "--amend"] => &["-m", "Again"],
        ["import"] | ["import", "--from-delta", "dir"] => {
            sandbox.run(&["export", "--format", "delta", "draft", "dir"]).done();
            sandbox.run(&["switch", "-c", "plain", "main~2"]).done();
            if words.len() == 1 { &["--from-delta", "dir", "--no-check"] } else { &["--no-check"] }
        }
        ["diff"] => &["HEAD~1", "--no-behaviour"],
        ["diff", _] => &["--no-behaviour"],
        ["merge"] => &["draft", "--ours", "--no-check"],
        ["resolve"] => {
            assert_eq!(sandbox.run(&["merge", "draft"]).code, 1);
            &["--ours"]
        }
        ["switch"] => &["draft"],
        ["log", "--subject"] => &["Dora"],
        ["forget", _] => &["--yes"],
        _ => &[],
    };
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_does_it_here_is_done() {
    let rows = rows();
    assert!(rows.len() > 65, "{}", rows.len());
    let fresh = place();
    let mut done: Vec<Vec<String>> = Vec::new();
    for (verb, option) in &rows {
        let words: Vec<&str> = [verb.as_str()].into_iter().chain(option.as_deref()).collect();
        let Advice { hint, .. } = advised(&fresh, &words, "");
        let commands = commands(&hint);
        assert!(!commands.is_empty() || verb == "lfs", "{words:?} is told {hint}");
        for command in commands {
            // One that the model is needed for, and those that were followed already.
            if command[0] == "consolidate" || done.contains(&command) {
                continue;
            }
            let sandbox = fresh.copy();
            let words = prepared(&sandbox, &command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = sandbox.run(&words);
            assert_eq!(output.code, 0, "{verb} {option:?} is told {hint}: {words:?} {output:#?}");
            done.push(command);
        }
    }
    assert!(done.len() > 30, "{done:?}");
}
