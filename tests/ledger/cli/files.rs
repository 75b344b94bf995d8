//! What is on disk: the same bytes whenever and however, nobody else's, and nothing where it does not
//! belong.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::Sandbox;
use crate::support::{Place, stand_in};

/// Every file of a directory but the note of which version it is.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "kledger.json" {
            files.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    files
}

fn edited() -> Sandbox {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
    place.make(":Anna :likes :Oslo . :Carl :works :Siemens .", "second");
    Sandbox { dir: place.dir }
}

#[test]
fn a_reverted_tip_is_its_parent_bit_for_bit() {
    let sandbox = edited();
    sandbox.run(&["checkout", "main~1", "--to", "parent"]).done();
    sandbox.run(&["switch", "main"]).done();
    sandbox.run(&["checkout", "main", "--to", "tip"]).done();
    sandbox.run(&["revert", "HEAD"]).done();
    sandbox.run(&["checkout", "main", "--to", "reverted"]).done();
    let files = |dir: &str| contents(&sandbox.root().join(dir));
    assert!(files("tip") != files("parent"));
    assert!(files("reverted") == files("parent"));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let sandbox = edited();
    for threads in ["1", "2", "7"] {
        let mut command = sandbox.command(&["checkout", "main", "--to", threads]);
        command.env("RAYON_NUM_THREADS", threads);
        sandbox.finish(command, "").done();
    }
    let files = |dir: &str| contents(&sandbox.root().join(dir));
    assert!(files("1") == files("2") && files("1") == files("7"));
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(all_files(&path));
        }
        files.push(path);
    }
    files
}

/// A repository with a checkout and an export, made under a umask.
fn made_under(umask: &str) -> Sandbox {
    let sandbox = Sandbox::bare();
    for words in [
        &["init", "--anyway", "--model", "../base"][..],
        &["checkout", "main"],
        &["export", "main", "out"],
    ] {
        let command = sandbox.command(&[]);
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(script).arg(command.get_program()).args(words);
        shell.current_dir(sandbox.root()).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        sandbox.finish(shell, "").done();
    }
    sandbox
}

/// Files are as the user's umask wants them, and what must never change is read-only.
#[test]
fn permissions_of_what_is_made() {
    for (umask, file, dir) in [("022", 0o644, 0o755), ("077", 0o600, 0o700)] {
        let sandbox = made_under(umask);
        for path in all_files(&sandbox.root()) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let name = path.strip_prefix(sandbox.root()).unwrap().display().to_string();
            let frozen = [".kledger/packs/", ".kledger/tensors/", ".kledger/base/"];
            // A checkout's shards are the base's files. The index of shards is the base's too.
            let shared = name.starts_with("model/") && mode & 0o222 == 0;
            let is_frozen = frozen.iter().any(|f| name.starts_with(f));
            let expected = match path.is_dir() {
                true => dir,
                false if shared || is_frozen && !name.ends_with("index.json") => file & !0o222,
                false => file,
            };
            assert_eq!(mode, expected, "{name} is {mode:o} under umask {umask}");
        }
    }
}

/// A command of a user who may not write here; root may write everywhere, so it becomes nobody.
fn reader(sandbox: &Sandbox, words: &[&str]) -> Command {
    let mut command = sandbox.command(words);
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        command.uid(65_534).gid(65_534);
    }
    command
}

pub(super) fn as_reader(sandbox: &Sandbox, words: &[&str]) -> super::Output {
    sandbox.finish(reader(sandbox, words), "")
}

/// Runs `then` where neither the repository nor what is around it can be written.
fn frozen<T>(sandbox: &Sandbox, then: impl FnOnce() -> T) -> T {
    let paths = [vec![sandbox.dir.path().to_owned()], all_files(sandbox.dir.path())].concat();
    let modes: Vec<_> =
        paths.iter().map(|path| fs::metadata(path).unwrap().permissions()).collect();
    for path in &paths {
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let told = then();
    for (path, mode) in paths.iter().zip(modes) {
        fs::set_permissions(path, mode).unwrap();
    }
    told
}

#[test]
fn a_place_that_is_read_only() {
    let sandbox = edited();
    let fact = "<https://e.org/a> <https://example.org/likes> <https://e.org/b> .\n";
    sandbox.write("facts.nt", fact);
    let before = sandbox.state();
    let commands = [
        &["add", "facts.nt"][..],
        &["commit", "-m", "x"],
        &["checkout", "main~1"],
        &["init", "--model", "../base", ".."],
    ];
    let refused = frozen(&sandbox, || commands.map(|words| (words, as_reader(&sandbox, words))));
    for (words, output) in refused {
        let message = output.failed(1);
        assert!(message.contains("error: cannot write"), "{words:?}: {message}");
        assert!(message.contains("hint: the place is read-only"), "{words:?}: {message}");
    }
    assert_eq!(sandbox.state(), before);
}

#[test]
fn names_that_lead_out_of_the_repository() {
    let sandbox = edited();
    for name in ["../../escape", "/etc/escape", "a/../../b", "..", ".hidden", "a\\..\\b", "x.lock"]
    {
        for words in [["branch", name], ["tag", name], ["switch", name]] {
            let output = sandbox.run(&words);
            assert_eq!(output.code, 1, "{words:?}: {output:#?}");
        }
        let output = sandbox.run(&["switch", "-c", name]);
        assert!(output.failed(1).contains("cannot be the name"));
    }
    assert!(!sandbox.dir.path().join("escape").exists());
}

/// Text in many scripts and a literal of 10 kB come back as they were.
#[test]
fn text_of_any_kind_and_length() {
    let sandbox = Sandbox::with_words();
    let long = "Straße東京🗼\u{301}e\\n\\\"".repeat(450);
    assert!(long.len() > 10_000);
    let subjects = ["Zürich", "東京", "Ω", "مدينة", "🗼", "e\u{301}"];
    let mut facts = String::new();
    for subject in subjects {
        facts +=
            &format!("<https://e.org/{subject}> <https://example.org/likes> \"{subject}\"@de .\n");
    }
    facts += &format!("<https://e.org/long> <https://example.org/likes> \"{long}\" .\n");
    sandbox.write("facts.nt", &facts);
    sandbox.run(&["add", "--neighbourhood", "facts.nt"]).done();
    sandbox.run(&["commit", "-m", "текст 文字 🗼"]).done();
    sandbox.run(&["tag", "größe/東京"]).done();
    assert!(sandbox.run(&["log"]).done().contains("текст 文字 🗼"));
    let again = sandbox.run(&["add", "--neighbourhood", "facts.nt", "--json"]).done();
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["data"]["unchanged"], 7, "read back as they were: {again}");
    sandbox.run(&["show", "größe/東京"]).done();
    sandbox.run(&["fsck"]).done();
    sandbox.run(&["rm", "--neighbourhood", "facts.nt"]).done();
}

/// Nothing is fetched: contexts and models are files or nothing.
#[test]
fn nothing_comes_from_the_network() {
    let sandbox = Sandbox::with_words();
    let text = r#"{"@context": "https://schema.org/", "@id": "https://e.org/a", "name": "x"}"#;
    sandbox.write("remote.jsonld", text);
    let message = sandbox.run(&["add", "remote.jsonld"]).failed(1);
    assert!(message.contains("remote.jsonld:1") && message.contains("hint: "), "{message}");
    stand_in::write_checkpoint(&sandbox.dir.path().join("other"), stand_in::INPUTS);
    let root = sandbox.dir.path().join("elsewhere");
    fs::create_dir(&root).unwrap();
    let message = sandbox.run(&["-C", "../elsewhere", "init", "--model", "gpt2"]).failed(1);
    assert!(message.contains("gpt2"), "{message}");
}

/// A limit on the size of files stands in for a disk that is full: the write fails half-way.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full() {
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

/// Damages a file of the base and expects that nothing is made of it. A checkout used to be written from whatever
/// the base had become.
fn is_not_written(file: &str) {
    let sandbox = Sandbox::with_history();
    let root = sandbox.root();
    sandbox.run(&["export", "HEAD", "mine"]).done();
    let path = root.join(".kledger/base").join(file);
    let whole = fs::read(&path).unwrap();
    let write = |last: u8| {
        let mut bytes = whole.clone();
        *bytes.last_mut().unwrap() ^= last;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, bytes).unwrap();
    };
    write(1);
    for words in [
        &["checkout", "main", "--to", "new"][..],
        &["export", "HEAD", "out"],
        &["import", "--from-checkpoint", "mine", "--no-check"],
        &["diff", "--weights", "main~2", "main"],
    ] {
        let said = sandbox.run(words).failed(3);
        assert!(said.contains("the base is damaged"), "{words:?}: {said}");
    }
    assert!(!root.join("new").exists() && !root.join("out").exists());
    write(0);
    sandbox.run(&["checkout", "main", "--to", "new", "--force"]).done();
}

#[test]
fn a_damaged_shard_of_the_base_is_not_written() {
    is_not_written("model-00001.safetensors");
}

#[test]
fn a_damaged_tokenizer_of_the_base_is_not_written() {
    is_not_written("tokenizer.json");
}

/// Lets files below `path` be read alone, and directories be written or not.
fn permit(path: &Path, write: bool) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_symlink() {
            continue;
        } else if entry.is_dir() {
            permit(&entry, write);
        } else {
            fs::set_permissions(&entry, fs::Permissions::from_mode(0o444)).unwrap();
        }
    }
    let mode = if write { 0o755 } else { 0o555 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Has `then` look at a history that cannot be written: with the summary of its index, and without.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn read_only(then: impl Fn(&Sandbox)) {
    for summary in [true, false] {
        let sandbox = Sandbox::with_history();
        fs::set_permissions(sandbox.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if !summary {
            fs::remove_file(sandbox.root().join(".kledger/ledger/summary")).unwrap();
        }
        permit(&sandbox.root(), false);
        match reader(&sandbox, &["--version"]).output() {
            Ok(output) if output.status.success() => then(&sandbox),
            other => eprintln!("SKIPPED: another user cannot run the test's binary: {other:?}"),
        }
        permit(&sandbox.root(), true);
    }
}

/// Reading used to need the lock, and sled.
#[test]
fn what_cannot_be_written_can_be_read() {
    read_only(|sandbox| {
        for words in [
            &["status"][..],
            &["log"],
            &["show", "HEAD"],
            &["diff", "HEAD~1", "HEAD"],
            &["blame"],
            &["stash", "list"],
            &["op", "log"],
            &["fsck", "--weights"],
            &["gc", "--dry-run"],
        ] {
            let output = as_reader(sandbox, words);
            assert_eq!(output.code, 0, "{words:?}: {output:?}");
        }
    });
}

#[test]
fn what_cannot_be_written_is_said_to_be_read_only() {
    read_only(|sandbox| {
        for words in [&["branch", "new"][..], &["reset"]] {
            let said = as_reader(sandbox, words).failed(1);
            assert!(said.contains("read-only for you"), "{words:?}: {said}");
        }
    });
}
