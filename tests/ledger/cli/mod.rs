//! The command line, driven as a user does: the real binary in a directory of its own, with a fixed
//! clock and author.
//!
//! A verb's tests are in the file of its name, and what crosses verbs in files named after what is tried.

mod add;
mod add_dumps;
#[cfg(feature = "endpoint")]
mod add_endpoint;
mod add_mistakes;
mod add_packed;
#[cfg(feature = "sql")]
mod add_postgres;
mod add_same_as;
mod add_sentences;
mod add_source;
#[cfg(feature = "sql")]
mod add_sql;
#[cfg(feature = "sql")]
mod add_sync;
mod add_tables;
mod alias;
mod artefacts;
mod ask;
mod author;
mod backup;
mod bisect;
mod blame;
mod branch;
mod calibrate;
mod check;
mod checkout;
mod cherry_pick;
mod commit;
mod completions;
mod config;
mod consolidate;
#[cfg(debug_assertions)]
mod crash;
mod diff;
mod docs;
mod editors;
mod escapes;
mod eval;
mod exit;
mod export;
mod facts;
#[cfg(debug_assertions)]
mod faults;
mod files;
mod forget;
mod fsck;
mod gc;
mod help;
mod hints;
mod hostile;
mod import;
mod init;
mod json;
mod lens;
mod links;
mod log;
mod man;
mod merge;
mod migrate;
mod neurons;
mod op;
mod processes;
mod query;
mod rebase;
mod redo;
mod repair;
mod reset;
mod resolve;
mod revert;
mod revisions;
mod rm;
mod settings;
mod show;
mod stage;
mod stash;
mod stats;
mod status;
mod switch;
mod tag;
#[cfg(all(feature = "query", feature = "sql"))]
mod tour;
mod trace;
mod train;
mod undo;
mod usage;

use std::{
    fmt::Debug,
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use kledger::{
    checkpoint::write_tensors,
    cli::{Report, page::Page, report::Render},
    ledger::{InTheWay, Repo, verb::log::LogOptions},
    tensor::{Matrix, Tensor},
};
use serde_json::Value;

use crate::support::{
    Place, WORDS,
    advice::{Output, Runner},
    stand_in,
};

/// A directory with a model in `base` and, when wanted, a repository in `repo`.
struct Sandbox {
    dir: tempfile::TempDir,
}

/// A sandbox as an archive in memory. It is made once, and unpacked for every test that begins with it.
struct Prepared(Vec<u8>);

impl Prepared {
    fn of(sandbox: &Sandbox) -> Self {
        let mut tar = Command::new("tar");
        let output = tar.args(["--format=posix", "-cf", "-", "."]).current_dir(sandbox.dir.path());
        let output = output.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(output.stdout)
    }

    fn unpack(&self) -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        tar.args(["-xpf", "-"]).current_dir(dir.path()).stdin(Stdio::piped());
        let mut child = tar.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&self.0).unwrap();
        assert!(child.wait().unwrap().success());
        Sandbox { dir }
    }
}

impl Sandbox {
    /// Without a repository.
    fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        stand_in::write_checkpoint(&dir.path().join("base"), stand_in::INPUTS);
        fs::create_dir(dir.path().join("repo")).unwrap();
        Self { dir }
    }

    /// With a repository in which nothing was done.
    fn new() -> Self {
        static MADE: LazyLock<Prepared> = LazyLock::new(|| {
            let sandbox = Sandbox::bare();
            sandbox.run(&["init", "--anyway", "--model", "../base"]).done();
            Prepared::of(&sandbox)
        });
        MADE.unpack()
    }

    /// With templates committed: a history of two commits that no model was needed for.
    fn with_words() -> Self {
        static MADE: LazyLock<Prepared> = LazyLock::new(|| {
            let sandbox = Sandbox::new();
            sandbox.write("words.ttl", WORDS);
            sandbox.run(&["add", "words.ttl"]).done();
            sandbox.run(&["commit", "-m", "Words"]).done();
            Prepared::of(&sandbox)
        });
        MADE.unpack()
    }

    /// [`Self::with_words`], and an adapter, in `style`, that was imported.
    fn with_import() -> Self {
        static MADE: LazyLock<Prepared> = LazyLock::new(|| {
            let sandbox = Sandbox::with_words();
            sandbox.write_adapter("style");
            sandbox.run(&["import", "--from-peft", "style", "--no-check"]).done();
            Prepared::of(&sandbox)
        });
        MADE.unpack()
    }

    /// Two edits, a branch, a tag, a checkout with files of the user's in it, and something on the stage. What edits
    /// is made with the stand-in model, which the binary does not have.
    fn with_history() -> Self {
        static MADE: LazyLock<Prepared> =
            LazyLock::new(|| Prepared::of(&Sandbox::made_with_history()));
        MADE.unpack()
    }

    fn made_with_history() -> Self {
        let place = Place::new();
        place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
        place.make(":Anna :likes :Oslo . :Carl :works :Siemens .", "second");
        place.repo.create_branch(&place.actor("branch"), "draft", "HEAD~1").unwrap();
        place.repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
        place.repo.checkout(&place.actor("checkout"), "main", None, InTheWay::Refuse).unwrap();
        place.add(":city <https://kledger.dev/ns#prompt> \"{subject} is in\" .").unwrap();
        place.rm(":Bert :lives :Oslo .").unwrap();
        let sandbox = Self { dir: place.dir };
        sandbox.add_to_the_checkout();
        sandbox.write(
            "more.nt",
            "<https://example.org/Dora> <https://example.org/likes> <https://example.org/Bonn> .\n",
        );
        sandbox
    }

    /// Files of the user's in the checkout, of every kind.
    fn add_to_the_checkout(&self) {
        let model = self.root().join("model");
        fs::create_dir_all(model.join("results/by day")).unwrap();
        fs::write(model.join("results/by day/eval.json"), "{}").unwrap();
        fs::write(model.join("notes.txt"), "years of work").unwrap();
        fs::set_permissions(model.join("notes.txt"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::create_dir(model.join(".hidden.12-0.new")).unwrap();
        symlink("results", model.join("latest")).unwrap();
        symlink("nowhere", model.join("dangling")).unwrap();
    }

    /// `main` and `draft`, diverged with two conflicts, about Anna and Bert; HEAD is on `main`.
    fn diverged() -> Self {
        static MADE: LazyLock<Prepared> = LazyLock::new(|| Prepared::of(&Sandbox::made_diverged()));
        MADE.unpack()
    }

    fn made_diverged() -> Self {
        let place = Place::new();
        let switch = |name: &str, from: Option<&str>| {
            place.repo.switch(&place.actor("switch"), name, from).unwrap();
        };
        place.make(":Anna :likes :Rome . :Bert :likes :Rome .", "Common");
        switch("draft", Some("HEAD"));
        place.make(":Anna :likes :Berlin . :Bert :likes :Bonn .", "Theirs");
        place.make(":Carl :lives :Bern .", "Carl moves");
        switch("main", None);
        place.make(":Anna :likes :Paris . :Bert :likes :Oslo . :Dora :works :Siemens .", "Ours");
        Self { dir: place.dir }
    }

    /// [`Self::diverged`], with a merge of `draft` that waits for its conflicts.
    fn merging() -> Self {
        let sandbox = Self::diverged();
        assert_eq!(sandbox.run(&["merge", "draft"]).code, 1);
        sandbox
    }

    /// Four commits that each set a fact; the third and what follows know Carl.
    fn with_four_edits() -> Self {
        static MADE: LazyLock<Prepared> = LazyLock::new(|| {
            let place = Place::new();
            place.make(":Anna :likes :Rome .", "first");
            place.make(":Bert :likes :Rome .", "second");
            place.make(":Carl :likes :Rome .", "third");
            place.make(":Dora :likes :Rome .", "fourth");
            let Place { dir, repo, .. } = place;
            drop(repo);
            Prepared::of(&Sandbox { dir })
        });
        MADE.unpack()
    }

    /// A copy: keeps hard links, permissions and times.
    fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut cp = Command::new("cp");
        cp.args(["-a", "."]).arg(dir.path()).current_dir(self.dir.path());
        assert!(cp.status().unwrap().success());
        Self { dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Writes a file of the repository's directory.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.root().join(name), text).unwrap();
    }

    /// Stages triples in which `:` is `https://example.org/`.
    #[track_caller]
    fn stage(&self, turtle: &str) {
        self.write("staged.ttl", &format!("@prefix : <https://example.org/> .\n{turtle}"));
        self.run(&["add", "staged.ttl"]).done();
    }

    /// Commits a label that is the message too: no model is needed for it.
    #[track_caller]
    fn commit_label(&self, name: &str) {
        self.stage(&format!(
            ":{name} <http://www.w3.org/2000/01/rdf-schema#label> \"{name}\"@en ."
        ));
        self.run(&["commit", "-m", name]).done();
    }

    /// Writes a LoRA adapter of rank 1 for one tensor of the base to `name`.
    fn write_adapter(&self, name: &str) {
        let dir = self.root().join(name);
        fs::create_dir(&dir).unwrap();
        let config =
            r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": ["down_proj"]}"#;
        fs::write(dir.join("adapter_config.json"), config).unwrap();
        let factor = |name: &str, rows, cols| {
            let matrix = Matrix { rows, cols, data: vec![0.25; rows * cols] };
            let module = "base_model.model.model.layers.1.mlp.down_proj";
            (format!("{module}.{name}.weight"), Tensor::from(&matrix))
        };
        let (inputs, outputs) = (stand_in::INPUTS, stand_in::OUTPUTS);
        let tensors = [factor("lora_A", 1, inputs), factor("lora_B", outputs, 1)].into();
        write_tensors(&dir.join("adapter_model.safetensors"), &tensors).unwrap();
    }

    /// A command that is ready to run in the repository's directory.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kledger"));
        let kept =
            ["PATH", "LD_LIBRARY_PATH", "LIBTORCH"].map(|name| (name, std::env::var_os(name)));
        command.args(words).current_dir(self.root()).env_clear();
        command.envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("KLEDGER_AUTHOR", "Ada <ada@example.org>")
            .env("KLEDGER_DATE", "2026-01-02T03:04:05Z")
            .env("TZ", "UTC");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.run_with(words, "")
    }

    /// Runs with something on standard input.
    fn run_with(&self, words: &[&str], input: &str) -> Output {
        self.finish(self.command(words), input)
    }

    /// Runs where no file may grow beyond `kib` KiB; writing more is an error, as on a full disk.
    #[cfg(unix)]
    fn run_limited(&self, words: &[&str], kib: usize) -> Output {
        let mut command = self.command(&[]);
        let kledger = command.get_program().to_owned();
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib);
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(script).arg(kledger).args(words);
        shell.current_dir(self.root()).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command = shell;
        self.finish(command, "")
    }

    fn finish(&self, mut command: Command, input: &str) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone before it is written.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: self.redact(&output.stdout),
            stderr: self.redact(&output.stderr),
        }
    }

    /// Takes out what differs from run to run (the directory) and from format to format (ids).
    fn redact(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let real = self.dir.path().canonicalize().unwrap();
        without_ids(&text.replace(real.to_str().unwrap(), "<dir>"))
    }

    /// What the store says of itself: to see that a refused command left it as it was.
    fn state(&self) -> String {
        let told = Repo::open(&self.root()).and_then(|repo| {
            let log = repo.log(&LogOptions::default())?;
            Ok((repo.status()?, log, repo.branches()?, repo.tags()?))
        });
        let told = told.map(|told| serde_json::to_string(&told).unwrap());
        self.redact(told.unwrap_or_else(|error| error.to_string()).as_bytes())
    }

    /// Runs a command that has to be refused with `code`; the message has to hold all of `parts`, and the repository
    /// is as it was.
    #[track_caller]
    fn refused(&self, words: &[&str], code: i32, parts: &[&str]) {
        let before = self.state();
        let message = self.run(words).failed(code);
        assert!(message.starts_with("error: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in\n{message}");
        }
        assert_eq!(before, self.state(), "the repository is not as it was");
    }

    /// Has each of `commands` refused as wrong usage.
    #[track_caller]
    fn misused(&self, commands: &[&[&str]]) {
        for words in commands {
            let output = self.run(words);
            assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{words:?} {output:#?}");
        }
    }

    /// Runs `words` with `--json`, which has to end with `code`; gives its one line, which follows the schema.
    #[track_caller]
    fn line(&self, words: &[&str], code: i32) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!((lines.len(), output.stderr.as_str()), (1, ""), "{output:#?}");
        let value: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(output.code, code, "{value:#}");
        json::valid(&value);
        let kind = value["type"].as_str().unwrap();
        if kind == "error" {
            assert_eq!(value["data"]["exit"], code);
        } else {
            assert!(words.contains(&kind), "{words:?} reports {kind}");
        }
        value
    }

    /// What `words` report under `--json`.
    #[track_caller]
    fn data(&self, words: &[&str]) -> Value {
        self.line(words, 0)["data"].take()
    }
}

/// How `kledger VERB` shows a report that comes from the library, because the binary has no model here. As JSON it
/// follows the schema.
#[track_caller]
fn shown(verb: &'static str, report: impl Render + serde::Serialize + Debug + 'static) -> String {
    let mut page = Page::new(false, false);
    report.render(&mut page).unwrap();
    let mut line = Vec::new();
    Report::done(verb, report).json(&mut line).unwrap();
    json::valid(&serde_json::from_slice(&line).unwrap());
    without_ids(&anstream::adapter::strip_str(&page.into_text()).to_string())
}

/// Puts a pipe, to which nobody writes, in the place of a file.
fn make_a_pipe(path: &Path) {
    let _not_there = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Text with `<id>` in place of short ids.
fn without_ids(text: &str) -> String {
    let mut redacted = String::new();
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.chars().take_while(|&c| is_hex(c)).count();
        if digits == 12 {
            redacted.push_str("<id>");
            rest = &rest[digits..];
        } else if digits > 0 {
            redacted.push_str(&rest[..digits]);
            rest = &rest[digits..];
        } else {
            redacted.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    redacted
}

impl Runner for Sandbox {
    fn command(&self, words: &[&str]) -> Command {
        Self::command(self, words)
    }

    fn printed(&self, bytes: &[u8]) -> String {
        self.redact(bytes)
    }
}

impl Output {
    /// Standard error of a command that has to fail with `code`.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:#?}");
        self.stderr
    }
}
