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

/// Files are as the user's umask wants them, and what must never change is read-only.
#[test]
fn permissions_of_what_is_made() {
    for (umask, file, dir) in [("022", 0o644, 0o755), ("077", 0o600, 0o700)] {
        let sandbox = Sandbox::bare();
        let run = |words: &[&str]| {
            let command = sandbox.command(&[]);
            let script = format!("umask {umask}; exec \"$0\" \"$@\"");
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(script).arg(command.get_program()).args(words);
            shell.current_dir(sandbox.root()).env_clear();
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            sandbox.finish(shell, "").done();
        };
        run(&["init", "--anyway", "--model", "../base"]);
        run(&["checkout", "main"]);
        run(&["export", "main", "out"]);
        for path in all_files(&sandbox.root()) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let name = path.strip_prefix(sandbox.root()).unwrap().display().to_string();
            let frozen = [".kledger/packs/", ".kledger/tensors/", ".kledger/base/"];
            // A checkout's shards are the base's files. The index of shards is the base's too.
            let shared = name.starts_with("model/") && mode & 0o222 == 0;
            let expected = if path.is_dir() {
                dir
            } else if shared
                || frozen.iter().any(|f| name.starts_with(f)) && !name.ends_with("index.json")
            {
                file & !0o222
            } else {
                file
            };
            assert_eq!(mode, expected, "{name} is {mode:o} under umask {umask}");
        }
    }
}

/// A command of a user who may not write here; root may write everywhere, so it becomes nobody.
pub(super) fn as_reader(sandbox: &Sandbox, words: &[&str]) -> super::Output {
    let mut command = sandbox.command(words);
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        command.uid(65_534).gid(65_534);
    }
    sandbox.finish(command, "")
}

#[test]
fn a_place_that_is_read_only() {
    let sandbox = edited();
    sandbox
        .write("facts.nt", "<https://e.org/a> <https://example.org/likes> <https://e.org/b> .\n");
    let before = sandbox.state();
    let paths = [vec![sandbox.dir.path().to_owned()], all_files(sandbox.dir.path())].concat();
    let modes: Vec<_> =
        paths.iter().map(|path| fs::metadata(path).unwrap().permissions()).collect();
    for path in &paths {
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let refused: Vec<_> = [
        vec!["add", "facts.nt"],
        vec!["commit", "-m", "x"],
        vec!["checkout", "main~1"],
        vec!["init", "--model", "../base", ".."],
    ]
    .into_iter()
    .map(|words| (words.clone(), as_reader(&sandbox, &words)))
    .collect();
    for (path, mode) in paths.iter().zip(modes) {
        fs::set_permissions(path, mode).unwrap();
    }
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

/// A model whose index of shards names files elsewhere is refused before they are opened.
#[test]
fn models_that_name_files_elsewhere() {
    let sandbox = Sandbox::bare();
    let base = sandbox.dir.path().join("base");
    fs::rename(base.join("model.safetensors"), sandbox.dir.path().join("secret.safetensors"))
        .unwrap();
    let absolute = sandbox.dir.path().join("secret.safetensors");
    for shard in ["../secret.safetensors", absolute.to_str().unwrap(), "./../secret.safetensors"] {
        let map = ["h.0.mlp.c_proj.weight", "layers.1.mlp.down_proj.weight", "embed.weight"]
            .map(|name| (name.to_owned(), shard.into()));
        let map: serde_json::Map<String, serde_json::Value> = map.into_iter().collect();
        let index = serde_json::json!({ "weight_map": map });
        fs::write(base.join("model.safetensors.index.json"), index.to_string()).unwrap();
        let message = sandbox.run(&["init", "--model", "../base"]).failed(1);
        assert!(message.contains("is not the name of a file beside it"), "{message}");
        assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 0);
    }
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
