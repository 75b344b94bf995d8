//! What users get wrong: each a clear error with a remedy and an exit code, and the repository as it
//! was.

use std::fs;

use super::Sandbox;

const FACT: &str =
    "<https://example.org/Ada> <https://example.org/likes> <https://example.org/tea> .\n";

/// Runs a command that has to be refused with `code`; the message has to hold all of `parts`.
#[track_caller]
fn refused(sandbox: &Sandbox, words: &[&str], code: i32, parts: &[&str]) {
    let before = sandbox.state();
    let message = sandbox.run(words).failed(code);
    assert!(message.starts_with("error: "), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
    assert_eq!(before, sandbox.state(), "the repository is not as it was");
}

#[test]
fn syntax_error_in_line_700() {
    let sandbox = Sandbox::new();
    let mut text: String = (1..700)
        .map(|n| format!("<https://example.org/{n}> <https://example.org/likes> \"x\" .\n"))
        .collect();
    text.push_str("<https://example.org/700> <https://example.org/likes> .\n");
    sandbox.write("facts.nt", &text);
    refused(&sandbox, &["add", "facts.nt"], 1, &["facts.nt:700", "hint: "]);
}

#[test]
fn relative_iri() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", "<Ada> <https://example.org/likes> <https://example.org/tea> .");
    refused(
        &sandbox,
        &["add", "facts.ttl"],
        1,
        &["facts.ttl:1", "relative IRI", "hint: write the IRI in full"],
    );
}

#[test]
fn blank_node() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", "\n[] <https://example.org/likes> <https://example.org/tea> .");
    refused(&sandbox, &["add", "facts.ttl"], 1, &["facts.ttl:2", "blank node", "hint: "]);
}

#[test]
fn predicate_without_a_template() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.nt", FACT);
    sandbox.run(&["add", "facts.nt"]).done();
    let status = sandbox.run(&["status"]).done();
    assert!(status.contains("no template for <https://example.org/likes>"), "{status}");
    refused(&sandbox, &["commit", "-m", "x"], 1, &["https://example.org/likes", "hint: "]);
}

#[test]
fn two_objects_for_one_subject_and_predicate() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", &format!("{FACT}{}", FACT.replace("tea", "coffee")));
    refused(
        &sandbox,
        &["add", "facts.nt"],
        1,
        &["1 conflict", "facts.nt:1", "facts.nt:2", "hint: "],
    );
    sandbox.write("tea.nt", FACT);
    sandbox.write("coffee.nt", &FACT.replace("tea", "coffee"));
    sandbox.run(&["add", "tea.nt"]).done();
    refused(&sandbox, &["add", "coffee.nt"], 1, &["tea", "coffee", "--replace"]);
    sandbox.run(&["add", "--replace", "coffee.nt"]).done();
}

#[test]
fn file_that_is_not_there() {
    let sandbox = Sandbox::new();
    refused(&sandbox, &["add", "nosuch.nt"], 1, &["cannot read nosuch.nt", "because: "]);
}

#[test]
fn file_of_an_unknown_format() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.txt", FACT);
    refused(
        &sandbox,
        &["add", "facts.txt"],
        2,
        &["cannot tell the format of facts.txt", "--format nt"],
    );
    refused(&sandbox, &["add", "--format", "n4", "facts.txt"], 2, &["\"n4\" is no format"]);
    sandbox.run(&["add", "--format", "nt", "facts.txt"]).done();
}

#[test]
fn facts_that_do_not_hold_cannot_be_taken_back() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    refused(&sandbox, &["rm", "facts.nt"], 1, &["not held", "facts.nt:1"]);
    refused(&sandbox, &["rm", "--about", "https://example.org/Ada"], 1, &["does not hold"]);
    refused(&sandbox, &["rm", "--about", "Ada"], 1, &["\"Ada\" does not hold"]);
}

#[test]
fn nothing_to_commit() {
    let sandbox = Sandbox::new();
    refused(&sandbox, &["commit", "-m", "x"], 1, &["nothing is staged", "hint: stage facts first"]);
}

#[test]
fn senseless_options_of_commit() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    sandbox.run(&["add", "facts.nt"]).done();
    refused(&sandbox, &["commit", "-m", " "], 1, &["a commit needs a message"]);
    let require = ["commit", "-m", "x", "--require", "speed=1"];
    refused(&sandbox, &require, 2, &["\"speed=1\" is not a requirement", "hint: for example"]);
    refused(
        &sandbox,
        &["commit", "-m", "x", "--set", "lambda"],
        2,
        &["\"lambda\" is not KEY=VALUE", "--set mom2_update_weight=3000"],
    );
}

#[test]
fn unknown_and_ambiguous_revisions() {
    let sandbox = Sandbox::with_words();
    refused(&sandbox, &["show", "nosuch"], 1, &["nosuch", "hint: "]);
    refused(&sandbox, &["show", "mian"], 1, &["hint: did you mean main?"]);
    refused(&sandbox, &["show", "HEAD~9"], 1, &["HEAD~9"]);
    refused(&sandbox, &["diff", "HEAD~", "main@{99}"], 1, &["main@{99}"]);
    refused(&sandbox, &["switch", "mian"], 1, &["there is no branch mian", "did you mean main?"]);
    refused(&sandbox, &["branch", "-d", "main"], 1, &["HEAD is on main", "hint: "]);
    refused(&sandbox, &["branch", "main"], 1, &["main exists already"]);
    refused(&sandbox, &["tag", "a b"], 1, &["\"a b\" cannot be the name"]);
    refused(&sandbox, &["revert", "HEAD~1"], 1, &["is the base"]);
    refused(&sandbox, &["show", "HEAD^2"], 1, &["HEAD^2", "no such parent"]);
    refused(&sandbox, &["show", ":/nosuch"], 1, &["\"nosuch\" in its message", "hint: "]);
    refused(&sandbox, &["show", "HEAD~1..HEAD"], 1, &["is a range", "hint: "]);
    refused(&sandbox, &["log", "HEAD~1..nosuch"], 1, &["nosuch", "hint: "]);
    refused(&sandbox, &["blame", "Ada"], 1, &["\"Ada\" is in no fact at HEAD", "hint: "]);
    refused(&sandbox, &["show", "--fact", "Ada"], 1, &["\"Ada\" is in no fact at HEAD"]);
    refused(&sandbox, &["show", "--predicate", "likes"], 2, &["--fact"]);
}

#[test]
fn searches_that_lead_nowhere() {
    let sandbox = Sandbox::with_words();
    refused(&sandbox, &["bisect", "good"], 1, &["no bisection is going on", "hint: begin one"]);
    refused(&sandbox, &["bisect", "start", "HEAD~1", "HEAD"], 1, &["did not lead to", "hint: "]);
    refused(&sandbox, &["bisect", "start", "nosuch"], 1, &["nosuch"]);
    let run = ["bisect", "run", "--prompt", "Ada likes", "--expect", "tea", "HEAD", "HEAD~1"];
    refused(&sandbox, &run, 1, &["said to be good, did not lead to"]);
    refused(&sandbox, &["bisect", "run", "--prompt", "Ada", "HEAD~1"], 2, &["--expect"]);
    refused(&sandbox, &["bisect", "run", "HEAD~1"], 1, &["no bisection is going on"]);
    sandbox.run(&["bisect", "start"]).done();
    refused(&sandbox, &["bisect", "start"], 1, &["is going on already", "hint: "]);
}

#[test]
fn nothing_to_undo_or_redo() {
    let sandbox = Sandbox::with_words();
    refused(&sandbox, &["undo", "-n", "9"], 1, &["there are 2", "hint: kledger op log"]);
    refused(&sandbox, &["redo"], 1, &["nothing to redo", "hint: "]);
    refused(&sandbox, &["undo", "-n", "0"], 2, &["1 or more"]);
    assert!(sandbox.run(&["op"]).failed(2).contains("Usage: kledger op"));
}

#[test]
fn settings_that_cannot_be_made() {
    let sandbox = Sandbox::new();
    let file = || fs::read_to_string(sandbox.root().join(".kledger/config.toml")).unwrap();
    let before = file();
    let near = ["there is no setting langauge", "hint: did you mean language?"];
    refused(&sandbox, &["config", "get", "langauge"], 1, &near);
    refused(&sandbox, &["config", "set", "langauge", "de"], 1, &near);
    refused(
        &sandbox,
        &["config", "set", "seed", "seven"],
        1,
        &["seed cannot be set", "a whole number"],
    );
    refused(&sandbox, &["config", "set", "settings.memit", "3"], 1, &["settings.memit cannot"]);
    refused(&sandbox, &["config", "unset", "author"], 1, &["there is no setting author"]);
    assert_eq!(file(), before);
}

#[test]
fn help_on_nothing() {
    let sandbox = Sandbox::bare();
    let message = sandbox.run(&["help", "nosuch"]).failed(2);
    assert!(message.contains("no verb and no topic \"nosuch\""), "{message}");
    assert!(message.contains("hint: there is help on: facts, revisions"), "{message}");
    assert!(sandbox.run(&["completions", "tcsh"]).failed(2).contains("bash"));
}

#[test]
fn directory_in_the_way() {
    let sandbox = Sandbox::with_words();
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/letter.txt", "Dear");
    refused(&sandbox, &["checkout", "--to", "mine"], 1, &["mine has files in it", "hint: "]);
    let export = ["export", "HEAD", "mine"];
    refused(&sandbox, &export, 1, &["mine is not an empty directory", "hint: "]);
    assert_eq!(fs::read_to_string(sandbox.root().join("mine/letter.txt")).unwrap(), "Dear");
}

#[test]
fn second_kledger_at_work() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    let lock = fs::File::open(sandbox.root().join(".kledger/lock")).unwrap();
    lock.lock().unwrap();
    let message = sandbox.run(&["add", "facts.nt"]).failed(1);
    assert!(message.contains("in use by another kledger"), "{message}");
    assert!(message.contains("hint: "), "{message}");
    for verb in ["status", "log", "branch", "tag", "show", "diff"] {
        let versions: &[&str] = if verb == "diff" { &["HEAD", "HEAD"] } else { &[] };
        sandbox.run(&[&[verb], versions].concat()).done();
    }
    lock.unlock().unwrap();
    sandbox.run(&["add", "facts.nt"]).done();
}

#[test]
fn senseless_options_of_eval() {
    let sandbox = Sandbox::new();
    sandbox.write("records.json", "[]");
    for words in [
        &["eval", "--facts", "--limit", "0"][..],
        &["add", "--from", "counterfact", "records.json", "--limit", "0"],
    ] {
        refused(&sandbox, words, 2, &["'0' for '--limit <N>'", "expected 1 or more"]);
    }
    let plot = ["eval", "--facts", "--plot", "scores.png"];
    refused(&sandbox, &plot, 2, &["'scores.png' for '--plot", "ends in .svg"]);
    for (option, file) in [("--plot", "none/scores.svg"), ("--records", "none/cases.jsonl")] {
        let words = ["eval", "--facts", option, file];
        refused(&sandbox, &words, 1, &[file, "none is no directory", "hint: "]);
    }
}

/// A limit on the size of files stands in for a disk that is full: the write fails half-way.
#[cfg(unix)]
#[test]
fn full_disk() {
    let sandbox = Sandbox::with_words();
    let facts: String = (0..3_000)
        .map(|n| format!("<https://example.org/{n}> <https://example.org/likes> \"{n}\" .\n"))
        .collect();
    sandbox.write("facts.nt", &facts);
    let before = sandbox.state();
    let output = sandbox.run_limited(&["add", "facts.nt"], 64);
    assert_ne!(output.code, 0, "{output:#?}");
    assert!(output.stderr.starts_with("error: "), "{output:#?}");
    assert!(output.stderr.contains(".kledger/"), "the file is named: {output:#?}");
    assert_eq!(before, sandbox.state(), "the repository is not as it was");
    sandbox.run(&["fsck"]).done();
    sandbox.run(&["add", "facts.nt"]).done();
}

#[test]
fn no_repository() {
    let sandbox = Sandbox::bare();
    let message = sandbox.run(&["status"]).failed(1);
    assert!(message.contains("not in a kledger repository"), "{message}");
    assert!(message.contains("hint: make one: kledger init"), "{message}");
    let message = sandbox.run(&["-C", "nosuch", "status"]).failed(1);
    assert!(message.contains("cannot work in nosuch"), "{message}");
}

#[test]
fn repository_that_is_there_already() {
    let sandbox = Sandbox::new();
    refused(&sandbox, &["init", "--model", "../base"], 1, &["repository already"]);
}

/// Runs `init` on the model after `spoil` and looks for `part` in the error; nothing may be left.
#[track_caller]
fn spoilt(spoil: impl FnOnce(&std::path::Path), part: &str) {
    let sandbox = Sandbox::bare();
    spoil(&sandbox.dir.path().join("base"));
    let message = sandbox.run(&["init", "--model", "../base"]).failed(1);
    assert!(message.contains(part), "{part:?} is not in\n{message}");
    assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 0, "init left something behind");
}

#[test]
fn models_that_are_not_whole() {
    spoilt(|base| fs::remove_dir_all(base).unwrap(), "base is not there");
    spoilt(
        |base| {
            fs::remove_dir_all(base).unwrap();
            fs::write(base, "no directory").unwrap();
        },
        "base is not a directory",
    );
    spoilt(|base| fs::remove_file(base.join("tokenizer.json")).unwrap(), "tokenizer.json");
    spoilt(|base| fs::remove_file(base.join("config.json")).unwrap(), "config.json");
    spoilt(|base| fs::write(base.join("config.json"), "{").unwrap(), "config.json");
    let shorten = |base: &std::path::Path| {
        let path = base.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    spoilt(shorten, "model.safetensors");
}

/// A pipe used to keep kledger waiting for somebody who writes.
#[cfg(unix)]
#[test]
fn files_that_are_pipes_or_devices() {
    let pipe = |path: &std::path::Path| {
        let _not_there = fs::remove_file(path);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for file in ["config.json", "tokenizer.json", "model.safetensors", "vocab.json"] {
        spoilt(|base| pipe(&base.join(file)), "it is a pipe, not a regular file");
    }
    let index = "model.safetensors.index.json";
    spoilt(|base| pipe(&base.join(index)), "it is a pipe, not a regular file");
    let zero = |base: &std::path::Path| {
        fs::remove_file(base.join("config.json")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", base.join("config.json")).unwrap();
    };
    spoilt(zero, "it is a device, not a regular file");

    let sandbox = Sandbox::with_words();
    let refused = |words: &[&str]| refused(&sandbox, words, 1, &["it is a pipe, not a regular"]);
    fs::create_dir(sandbox.root().join("given")).unwrap();
    let given = |name: &str| sandbox.root().join("given").join(name);
    pipe(&given("delta.json"));
    refused(&["import", "-m", "x", "--from-delta", "given"]);
    pipe(&given("adapter_config.json"));
    refused(&["import", "-m", "x", "--from-peft", "given"]);
    fs::remove_file(given("adapter_config.json")).unwrap();
    sandbox.write_adapter("adapter");
    fs::copy(sandbox.root().join("adapter/adapter_config.json"), given("adapter_config.json"))
        .unwrap();
    pipe(&given("adapter_model.safetensors"));
    refused(&["import", "-m", "x", "--from-peft", "given"]);
}

/// What a header or an index says is not believed, and costs nothing.
#[test]
fn checkpoints_that_say_too_much() {
    let header = |length: u64, text: &'static str| {
        move |base: &std::path::Path| {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend(text.as_bytes());
            fs::write(base.join("model.safetensors"), bytes).unwrap();
        }
    };
    spoilt(header(u64::MAX, "{}"), "model.safetensors");
    spoilt(header(90_000_000, "{}"), "its header is said to have 90000000 bytes");
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}0000"#;
    spoilt(header(overlap.len() as u64 - 4, overlap), "model.safetensors");
    let huge = r#"{"a":{"dtype":"F32","shape":[18446744073709551615,4],"data_offsets":[0,4]}}0000"#;
    spoilt(header(huge.len() as u64 - 4, huge), "model.safetensors");
    let deep = "[".repeat(200_000);
    spoilt(|base| fs::write(base.join("config.json"), &deep).unwrap(), "config.json");
    let long = |base: &std::path::Path| {
        fs::File::create(base.join("config.json")).unwrap().set_len(1 << 40).unwrap();
    };
    spoilt(long, "at most 16777216 are read");
}

#[test]
fn datasets_of_another_kind() {
    let sandbox = Sandbox::with_words();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval");
    for (file, from, hint) in [
        ("counterfact.json", "zsre", "--from counterfact"),
        ("zsre.json", "counterfact", "--from zsre"),
        ("fever.jsonl", "counterfact", "kledger eval --dataset FILE"),
    ] {
        let path = fixtures.join(file);
        let words = ["add", "--from", from, path.to_str().unwrap()];
        refused(&sandbox, &words, 1, &["is laid out as", hint]);
    }
}

#[test]
fn more_text_than_a_model_can_write() {
    let sandbox = Sandbox::new();
    let words = ["stats", "--tokens", "18446744073709551615"];
    refused(&sandbox, &words, 2, &["18446744073709551615", "1..=100000000"]);
}

#[test]
fn settings_that_mean_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(".kledger/config.toml", "langauge = \"en\"");
    let message = sandbox.run(&["status"]).failed(1);
    assert!(message.contains("config.toml"), "{message}");
    assert!(message.contains("langauge"), "{message}");
}

#[test]
fn model_is_asked_for_in_a_directory_that_holds_none() {
    let sandbox = Sandbox::with_words();
    let message = sandbox.run(&["ask", "Ada likes"]).failed(4);
    let parts = if cfg!(feature = "torch") {
        ["type \"stand-in\"", "hint: "]
    } else {
        ["this build has no model runtime", "hint: build with the default features"]
    };
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
}

#[test]
fn store_of_another_format() {
    let sandbox = Sandbox::new();
    sandbox.write(".kledger/format", "kledger 99\n");
    let message = sandbox.run(&["status"]).failed(1);
    assert!(message.contains("kledger 99"), "{message}");
    assert!(message.contains("hint: "), "{message}");
}

#[test]
fn damaged_store() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["fsck"]).done();
    let packs = files_under(&sandbox.root().join(".kledger/packs"));
    packs.iter().for_each(|pack| flip_a_bit(pack));
    let output = sandbox.run(&["fsck"]);
    assert_eq!(output.code, 3, "{output:#?}");
    assert!(output.stdout.contains("damage: "), "{output:#?}");
}

#[test]
fn damaged_base() {
    let sandbox = Sandbox::with_words();
    let base = sandbox.root().join(".kledger/base");
    let tensors = files_under(&base)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    flip_a_bit(&tensors.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap());
    let output = sandbox.run(&["fsck"]);
    assert_eq!(output.code, 3, "{output:#?}");
    assert!(output.stdout.contains("has changed"), "{output:#?}");
}

fn files_under(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}

fn flip_a_bit(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let near_the_end = bytes.len() - 40;
    bytes[near_the_end] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn export_of_what_no_adapter_holds() {
    let sandbox = Sandbox::with_words();
    let peft = ["export", "--format", "peft", "HEAD", "out"];
    refused(&sandbox, &peft, 1, &["nothing to put into an adapter", "hint: "]);
    refused(&sandbox, &["export", "--max-rank", "4", "HEAD", "out"], 2, &["--max-rank is for"]);
    let zero = ["export", "--format", "peft", "--max-rank", "0", "HEAD", "out"];
    refused(&sandbox, &zero, 2, &["--max-rank"]);
    sandbox.write("file", "");
    refused(&sandbox, &["export", "HEAD", "file"], 1, &["file is no directory", "hint: "]);
    assert!(!sandbox.root().join("out").exists());
}

#[test]
fn import_of_what_fits_nothing() {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("adapter");
    refused(&sandbox, &["import"], 2, &["--from-delta"]);
    let both = ["import", "--from-delta", "a", "--from-peft", "b"];
    refused(&sandbox, &both, 2, &["cannot be used with"]);
    refused(&sandbox, &["import", "--from-delta", "adapter"], 1, &["no delta.json", "hint: "]);
    refused(&sandbox, &["import", "--from-peft", "nosuch"], 1, &["nosuch is not there", "hint: "]);
    fs::create_dir(sandbox.root().join("empty")).unwrap();
    let empty =
        ["has no adapter_config.json", "hint: name a directory as save_pretrained of a Peft"];
    refused(&sandbox, &["import", "--from-peft", "empty"], 1, &empty);
    // Each of the three says which of the others it is.
    let adapter = ["has no config.json", "hint: it holds an adapter: kledger import --from-peft"];
    refused(&sandbox, &["import", "--from-checkpoint", "adapter"], 1, &adapter);
    let checkpoint = ["hint: it holds a checkpoint: --from-checkpoint"];
    refused(&sandbox, &["import", "--from-peft", "../base"], 1, &checkpoint);
    fs::create_dir(sandbox.root().join("delta")).unwrap();
    sandbox.write("delta/delta.json", "{}");
    refused(
        &sandbox,
        &["import", "--from-peft", "delta"],
        1,
        &["hint: it holds a delta: --from-delta"],
    );
    let flags = ["import", "--from-peft", "adapter", "--trained-from", "HEAD"];
    refused(&sandbox, &flags, 2, &["cannot be used with"]);
    let flags = ["import", "--from-checkpoint", "../base", "--any-base"];
    refused(&sandbox, &flags, 2, &["cannot be used with"]);
    let base = ["import", "--from-checkpoint", "../base"];
    refused(&sandbox, &base, 1, &["changes nothing: it has the base's weights"]);
    let weights = sandbox.root().join("adapter/adapter_model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    let adapter = ["import", "--from-peft", "adapter"];
    refused(&sandbox, &adapter, 1, &["is not a whole safetensors file", "hint: "]);
    sandbox.write("adapter/adapter_config.json", r#"{"peft_type": "LORA", "use_dora": true}"#);
    refused(&sandbox, &adapter, 1, &["it uses DoRA", "hint: merge it"]);
    sandbox.write("adapter/adapter_config.json", "{");
    refused(&sandbox, &adapter, 1, &["adapter_config.json is not as it should be"]);
    sandbox.write("adapter/adapter_config.json", r#"{"peft_type": "LORA", "lora_alpha": "x"}"#);
    refused(&sandbox, &adapter, 1, &["lora_alpha is \"x\"; it must be a number"]);
    fs::remove_file(&weights).unwrap();
    sandbox.write("adapter/adapter_config.json", r#"{"peft_type": "LORA"}"#);
    sandbox.write("adapter/adapter_model.bin", "");
    refused(&sandbox, &adapter, 1, &["as a pickle", "torch.load('", "weights_only=True"]);
}

/// What both hints say is done; neither needs a tokenizer.
#[test]
fn checkpoint_of_an_edited_version() {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("style");
    sandbox.run(&["import", "--from-peft", "style", "--no-check"]).done();
    sandbox.run(&["export", "HEAD", "merged"]).done();
    fs::remove_file(sandbox.root().join("merged/tokenizer.json")).unwrap();
    let import = ["import", "--from-checkpoint", "merged", "--no-check"];
    let said = [
        "merged was not trained from the base: it is 0.00 from <id> and 8.00 from the base",
        "hint: --trained-from <id> takes in what was changed since; --trained-from <id> takes it for",
    ];
    refused(&sandbox, &import, 1, &said);
    let from = |revision| [import.as_slice(), &["--trained-from", revision]].concat();
    let unchanged = "it has the weights of the version it was trained from";
    refused(&sandbox, &from("HEAD"), 1, &[unchanged]);
    sandbox.run(&from("HEAD~1")).done();
}

/// Two commits whose ids begin alike, and how they begin.
pub(super) fn alike() -> (Sandbox, String) {
    use std::collections::BTreeMap;

    use kledger::{
        codec,
        commit::Commit,
        id::Id,
        store::{Store, Transaction},
    };

    let sandbox = Sandbox::with_words();
    let session = Store::open(&sandbox.root().join(".kledger")).unwrap().session().unwrap();
    let tip = session.refs().unwrap()["heads/main"];
    let mut commit: Commit = codec::get(&session, tip).unwrap();
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let prefix = loop {
        commit.time += 1;
        let bytes = codec::encode(&commit);
        let prefix = Id::<Commit>::of(&bytes).to_string()[..4].to_owned();
        if let Some(other) = seen.insert(prefix.clone(), bytes.clone()) {
            let objects = [other, bytes].map(|bytes| (*Id::<Commit>::of(&bytes).as_bytes(), bytes));
            session
                .transact(Transaction { objects: objects.into(), ..Default::default() })
                .unwrap();
            break prefix;
        }
    };
    drop(session);
    (sandbox, prefix)
}

#[test]
fn ambiguous_prefix() {
    let (sandbox, prefix) = alike();
    refused(&sandbox, &["show", &prefix], 1, &[&prefix, "hint: give more digits", "Words"]);
}

#[test]
fn words_cannot_be_removed() {
    let sandbox = Sandbox::with_words();
    refused(
        &sandbox,
        &["rm", "words.ttl"],
        1,
        &["words.ttl:", "words cannot be removed", "hint: add a label or a template"],
    );
}

#[test]
fn a_benchmark_that_is_cut_off_or_another_one() {
    let sandbox = Sandbox::new();
    let record = r#"{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Shakespeare"]}"#;
    sandbox.write("cut.json", &format!("[\n{record},\n{{\"src\": \"Wh"));
    let add = ["add", "--from", "zsre"];
    let with = |file| [&add[..], &[file]].concat();
    refused(&sandbox, &with("cut.json"), 1, &["cut.json:3:", "EOF", "hint: "]);
    sandbox.write("other.json", r#"[{"claim": "a", "label": "REFUTES"}]"#);
    refused(&sandbox, &with("other.json"), 1, &["laid out as FEVER, not as zsRE", "hint: "]);
    sandbox.write("nameless.json", &format!("[{}]", record.replace("wrote Hamlet", "wrote it")));
    refused(&sandbox, &with("nameless.json"), 1, &["record 1: prompt", "does not name", "Hamlet"]);
    sandbox.write("bare.json", r#"[{"src": "Who wrote Hamlet?", "subject": "Hamlet"}]"#);
    refused(&sandbox, &with("bare.json"), 1, &["record 1:", "missing field `answers`"]);
    sandbox.write("twice.json", &format!("[{record}, {}]", record.replace("Shakes", "Bacon")));
    refused(&sandbox, &with("twice.json"), 1, &["1 conflict", "--skip-conflicts"]);
    refused(&sandbox, &with("not-there.json"), 1, &["cannot read", "not-there.json", "hint: "]);
    let skipping = [&with("twice.json")[..], &["--skip-conflicts"]].concat();
    let done = sandbox.run(&skipping).done();
    assert!(done.starts_with("Staged 1 fact, "), "{done}");
    assert!(done.contains("1 record skipped"), "{done}");
}

#[test]
fn an_evaluation_of_nothing_or_of_too_much() {
    let sandbox = Sandbox::new();
    refused(&sandbox, &["eval"], 2, &["--dataset <FILE>", "--facts", "--text <FILE>"]);
    refused(&sandbox, &["eval", "--facts", "--text", "a.txt"], 2, &["cannot be used with"]);
    let named = ["eval", "--facts", "--protocol", "glue"];
    refused(&sandbox, &named, 2, &["expected one of counterfact, zsre, mend, easyedit, fever"]);
    refused(&sandbox, &["eval", "--facts"], 1, &["no fact at HEAD", "hint: "]);
    refused(&sandbox, &["eval", "--text", "a.txt"], 1, &["cannot read a.txt"]);
    refused(&sandbox, &["eval", "--dataset", "a.json"], 1, &["cannot read", "a.json"]);
}
